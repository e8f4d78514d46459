#pragma once

// Turns the tokens of one generation into the deltas that go out: whole characters, no part of a
// stop string, and with each text the tokens it is of.
//
// Every token of the generation is in one delta, with its log-probability: those that have a text
// in the one that brings it, all of it; those that have none with the next that has, or in the
// last. What a stop string takes of the text takes no token: those of its text are in the last
// delta too, with what is left of their text.
//
// Thread safety: none; one for each generation, used by one thread at a time.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/chorus/v1/generation.pb.h"
#include "runner_server/engine/stop_string_matcher.h"
#include "runner_server/tokenizer/detokenizer.h"

namespace chorus::runner {

class TextStream {
 public:
  // `token_bytes` must outlive the stream.
  TextStream(const TokenBytes& token_bytes, StopStringMatcher stop_strings)
      : detokenizer_(token_bytes), stop_strings_(std::move(stop_strings)) {}

  // Takes the next token; gives what may go out by now. Without tokens it is not a delta to
  // deliver, and has no text either: both wait for the next.
  chorus::v1::TextDelta Append(int32_t id, std::optional<chorus::v1::TokenLogprob> logprob);

  // Takes a token that leaves no text, whatever its bytes: the one that ends the generation.
  void AppendEnd(std::optional<chorus::v1::TokenLogprob> logprob);

  // What is left, when the text has ended; even this may hold a stop string.
  chorus::v1::TextDelta Finish();

  // Whether the text ended before a stop string.
  bool stopped() const { return stop_strings_.stopped(); }

 private:
  // Neighbouring tokens whose text goes out together: characters lie across them, or only the last
  // has a text.
  struct Piece {
    size_t text_end = 0;  // Where its text ends in the stream.
    int num_tokens = 0;
    std::vector<chorus::v1::TokenLogprob> logprobs;
    bool whole = false;  // The next token begins another.
  };

  void AddToken(std::optional<chorus::v1::TokenLogprob> logprob);
  // Moves the first piece's tokens to `delta`.
  void TakePiece(chorus::v1::TextDelta& delta);

  Detokenizer detokenizer_;
  StopStringMatcher stop_strings_;
  std::deque<Piece> pieces_;    // In no delta yet; only the last may lack its end.
  std::string text_;            // No part of a stop string, and in no delta yet.
  size_t decoded_bytes_ = 0;    // Of the stream so far,
  size_t delivered_bytes_ = 0;  // and of them, those in deltas.
};

}  // namespace chorus::runner
