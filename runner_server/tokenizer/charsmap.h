#pragma once

// SentencePiece's precompiled map of characters: a double array of strings (Darts) and what each is
// replaced by. Read as Hugging Face's tokenizers read it.
// Source: the normalizer of Kudo, Richardson, "SentencePiece", and the crate spm_precompiled.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/aligned_text.h"

namespace chorus::runner {

class Charsmap {
 public:
  // The map's bytes: the number of the double array's, it, and replacements ended by NUL.
  // INVALID_ARGUMENT if they are not that.
  static absl::StatusOr<Charsmap> Parse(std::string_view bytes);

  // Replaces every short cluster of characters that begins with a string of the map, or else every
  // character that does. The error is the budget's.
  absl::Status Normalize(AlignedText& text) const;

 private:
  Charsmap(std::vector<uint32_t> units, std::string replacements)
      : units_(std::move(units)), replacements_(std::move(replacements)) {}

  // The replacement of the shortest string that `text` begins with.
  std::optional<std::string_view> Find(std::string_view text) const;

  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace chorus::runner
