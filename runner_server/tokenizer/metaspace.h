#pragma once

// SentencePiece's way with spaces, "Metaspace" in tokenizer.json: a space is written as a character
// of its own, U+2581, and one is put before the text.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <string>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/json_fields.h"
#include "runner_server/tokenizer/pre_tokenizer.h"

namespace chorus::runner {

// The settings, which the pre-tokenizer and the decoder have in common.
struct Metaspace {
  enum class Prepend {
    kAlways,  // Before every word that does not begin with a space.
    kFirst,   // Before that which begins the text, likewise.
    kNever,
  };

  // Errors begin with `fields.what()`.
  static absl::StatusOr<Metaspace> FromJson(const JsonFields& fields);

  std::string replacement;  // One character.
  Prepend prepend = Prepend::kAlways;
  bool splits = true;  // Every space begins a word.
};

class MetaspaceSplitter final : public PreTokenizer {
 public:
  explicit MetaspaceSplitter(Metaspace metaspace) : metaspace_(std::move(metaspace)) {}

  absl::Status Split(PreTokens& tokens) const override;
  bool needs_origins() const override { return metaspace_.prepend == Metaspace::Prepend::kFirst; }

 private:
  const Metaspace metaspace_;
};

}  // namespace chorus::runner
