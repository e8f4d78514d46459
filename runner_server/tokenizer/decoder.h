#pragma once

// Decoders of tokenizer.json: how the text of tokens is put together. Equal to Hugging Face's.
//
// A text that is streamed is the same as the whole one, because what a token adds hangs on three
// things alone that are known when it comes, or when the next does: whether it is the first (which
// may lose a space), whether it is the last (BPEDecoder gives a word no space after it then, so the
// space is shown with the next token), and whether it is the same as the one before it (CTC then
// leaves it out, whatever follows). Where a token's text hangs on more than that, there is no
// stream. Special tokens have no text in a stream, and what comes before and after one are
// neighbours.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/text_budget.h"

namespace chorus::runner {

// One token's text on its way through the steps of a decoder, when it is decoded alone.
struct DecodedToken {
  std::string text;          // Of a token between others,
  std::string first_text;    // of the first token of a text,
  std::string last_text;     // and of the last, which is another at one of the two only.
  bool is_byte = false;      // One of a run, which is joined.
  bool is_final = false;     // The tokens have been joined: only the whole text may change now.
  bool is_left_out = false;  // There is no such token any more.
  std::optional<std::string> repeated;  // A token with the same as the one before it is left out.
};

// One step. Steps run one after the other over the tokens, which are then joined. One that makes
// more than `max_bytes` of them may leave out the rest.
class DecoderStep {
 public:
  virtual ~DecoderStep() = default;
  virtual void Decode(std::vector<std::string>& tokens, TextBudget& budget,
                      size_t max_bytes) const = 0;

  // Does the same to one token alone; false if that depends on its neighbours.
  virtual bool DecodeAlone(DecodedToken& token, TextBudget& budget, size_t max_bytes) const = 0;

  // Whether bytes that are not UTF-8 become U+FFFD one by one.
  virtual bool replaces_each_byte() const { return false; }
};

class Decoder {
 public:
  // Joins tokens by spaces, as null in tokenizer.json.
  Decoder();

  // INVALID_ARGUMENT begins with `what`, such as "tokenizer.json: decoder".
  static absl::StatusOr<Decoder> FromJson(const nlohmann::json& object, const std::string& what);

  // The text of the tokens, valid UTF-8. INVALID_ARGUMENT if the decoder makes too much of them.
  absl::StatusOr<std::string> Decode(std::vector<std::string> tokens) const;

  // What each token adds to a text, in bytes, which need not be UTF-8. False if that depends on
  // its neighbours. `budget` is that of all tokens; INVALID_ARGUMENT if it is spent, or if the
  // decoder makes too much of this one.
  absl::StatusOr<bool> DecodeAlone(std::string_view token, TextBudget& budget,
                                   DecodedToken& decoded) const;

  bool replaces_each_byte() const;

 private:
  std::vector<std::unique_ptr<DecoderStep>> steps_;
};

}  // namespace chorus::runner
