#pragma once

// The normalization of BERT's "basic tokenization", equal to Hugging Face's BertNormalizer.
//
// Thread safety: immutable; all methods may be called at once from any thread.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runner_server/tokenizer/aligned_text.h"

namespace chorus::runner {

class BertNormalizer {
 public:
  struct Options {
    bool clean_text = true;             // Removes controls; white space becomes " ".
    bool handle_chinese_chars = true;   // Spaces around each ideograph.
    std::optional<bool> strip_accents;  // NFD without nonspacing marks. By default as lowercase.
    bool lowercase = true;              // Character by character.
  };

  explicit BertNormalizer(const Options& options) : options_(options) {}

  // `text` and the result are UTF-8.
  //
  // Example: "Élan\t東京" -> "elan  東  京 ".
  std::string Normalize(std::string_view text) const;

  // The error is the budget's.
  absl::Status Normalize(AlignedText& text) const;

  // The bytes [begin, end) of a character of the text.
  struct Origin {
    size_t begin;
    size_t end;
  };

  // For each byte of Normalize(text), the character it comes from. Characters are normalized
  // independently; only remaining marks that are reordered may be attributed to each other.
  std::vector<Origin> Origins(std::string_view text) const;

 private:
  std::string NormalizeAscii(std::string_view text) const;
  std::u32string Clean(std::string_view text) const;

  const Options options_;
};

}  // namespace chorus::runner
