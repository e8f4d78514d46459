#pragma once

// Turns the tokens of one generation into deltas: whole characters, no part of a stop string, and
// with each text its tokens.
//
// Every token is in exactly one delta, with its log-probability: a token with text in the delta
// that completes its text, a token without in the next delta with text or the last. Tokens whose
// text a stop string cuts off are in the last delta, with the rest of their text.
//
// Thread safety: none; one for each generation.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "proto/chorus/v1/generation.pb.h"
#include "runner_server/engine/stop_string_matcher.h"
#include "runner_server/tokenizer/detokenizer.h"

namespace chorus::runner {

class TextStream {
 public:
  // `token_bytes` must outlive the stream. `prompt`: the tokens before it.
  TextStream(const TokenBytes& token_bytes, StopStringMatcher stop_strings,
             std::span<const int32_t> prompt = {})
      : detokenizer_(token_bytes, prompt), stop_strings_(std::move(stop_strings)) {}

  // Takes the next token; returns what may be sent. A delta without tokens is empty and not to be
  // sent.
  chorus::v1::TextDelta Append(int32_t id, std::optional<chorus::v1::TokenLogprob> logprob);

  // Takes the token that ends the generation, if it has no text.
  void AppendEnd(std::optional<chorus::v1::TokenLogprob> logprob);

  // The rest, when the text has ended; may still contain a stop string.
  chorus::v1::TextDelta Finish();

  // Whether a stop string ended the text.
  bool stopped() const { return stop_strings_.stopped(); }

 private:
  // Neighbouring tokens whose text is sent together, because characters span them or only the last
  // has text.
  struct Piece {
    size_t text_end = 0;  // Where its text ends in the stream.
    int num_tokens = 0;
    std::vector<chorus::v1::TokenLogprob> logprobs;
    bool whole = false;  // Complete: the next token begins another.
  };

  void AddToken(std::optional<chorus::v1::TokenLogprob> logprob);
  // Moves the first piece's tokens to `delta`.
  void TakePiece(chorus::v1::TextDelta& delta);

  Detokenizer detokenizer_;
  StopStringMatcher stop_strings_;
  std::deque<Piece> pieces_;    // Not yet sent; only the last may be incomplete.
  std::string text_;            // Free of stop strings, not yet sent.
  size_t decoded_bytes_ = 0;    // Of the stream so far,
  size_t delivered_bytes_ = 0;  // and of them, those in deltas.
};

}  // namespace chorus::runner
