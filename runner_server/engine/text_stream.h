#pragma once

// Turns the tokens of one generation into the deltas that go out: whole characters, no part of a
// stop string, and each token counted, with its log-probability, in the delta that brings the last
// of its text. A token of which a stop string takes a part never goes out.
//
// Thread safety: none; one for each generation, used by one thread at a time.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "runner_server/engine/generation.h"
#include "runner_server/engine/stop_string_matcher.h"
#include "runner_server/tokenizer/detokenizer.h"

namespace chorus {

class TextStream {
 public:
  // `token_bytes` must outlive the stream.
  TextStream(const TokenBytes& token_bytes, StopStringMatcher stop_strings)
      : detokenizer_(token_bytes), stop_strings_(std::move(stop_strings)) {}

  // Takes the next token; gives what may go out by now. Without text it is not a delta to deliver,
  // and has no tokens either: they wait for the next.
  GenerationDelta Append(int32_t id, std::optional<TokenLogProb> logprob);

  // What is left, when the text has ended otherwise than by a stop string; even this may hold one.
  GenerationDelta Finish();

  // Whether the text ended before a stop string.
  bool stopped() const { return stop_strings_.stopped(); }

 private:
  struct Token {
    size_t text_end;  // Where its text ends in the stream.
    std::optional<TokenLogProb> logprob;
  };

  // `text` and the tokens whose text is out with it.
  GenerationDelta MakeDelta(std::string text);

  Detokenizer detokenizer_;
  StopStringMatcher stop_strings_;
  std::deque<Token> waiting_;   // Tokens in no delta yet.
  size_t decoded_bytes_ = 0;    // Of the stream so far,
  size_t delivered_bytes_ = 0;  // and of them, those in deltas.
};

}  // namespace chorus
