#pragma once

// What BERT's "basic tokenization" does to the text before it is cut into words, as Hugging Face's
// BertNormalizer has it.
//
// Thread safety: immutable; all methods may be called at once from any thread.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::runner {

class BertNormalizer {
 public:
  struct Options {
    bool clean_text = true;             // Controls go, every white space becomes " ".
    bool handle_chinese_chars = true;   // Spaces around each ideograph.
    std::optional<bool> strip_accents;  // NFD without nonspacing marks. By default as lowercase.
    bool lowercase = true;              // Character by character.
  };

  explicit BertNormalizer(const Options& options) : options_(options) {}

  // `text` is UTF-8; so is what comes back.
  //
  // Example: "Élan\t東京" -> "elan  東  京 ".
  std::string Normalize(std::string_view text) const;

  // A character of the text, as its bytes [begin, end).
  struct Origin {
    size_t begin;
    size_t end;
  };

  // For each byte of Normalize(text), the character it comes from. What a character becomes does
  // not depend on those around it; only marks that stay and change places may be told of each
  // other.
  std::vector<Origin> Origins(std::string_view text) const;

 private:
  std::u32string Clean(std::string_view text) const;

  const Options options_;
};

}  // namespace chorus::runner
