#pragma once

// Pre-tokenizers of tokenizer.json: how a normalized text is split into the words that the model
// sees one by one.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runner_server/tokenizer/aligned_text.h"

namespace chorus::runner {

// A text and its words, which are not empty.
struct PreTokens {
  struct Word {
    uint32_t begin;
    uint32_t end;
  };

  // The text is one word.
  explicit PreTokens(AlignedText whole) : text(std::move(whole)) {
    Add(words, 0, text.text().size());
  }

  // Adds a word unless it is empty.
  static void Add(std::vector<Word>& words, size_t begin, size_t end) {
    if (begin < end) words.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
  }

  AlignedText text;
  std::vector<Word> words;
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;

  // Splits the words further; may change the text. INVALID_ARGUMENT if its budget is spent.
  virtual absl::Status Split(PreTokens& tokens) const = 0;

  // Whether the last thing that this does is to spell bytes (byte_alphabet.h). LeaveBytes() makes
  // it leave them as they are, for a model that takes bytes.
  virtual bool spells_bytes() const { return false; }
  virtual void LeaveBytes() {}

  // Whether what it does depends on where the text lies.
  virtual bool needs_origins() const { return false; }
};

// Null for null. INVALID_ARGUMENT begins with `what`, such as "tokenizer.json: pre_tokenizer".
absl::StatusOr<std::unique_ptr<PreTokenizer>> PreTokenizerFromJson(const nlohmann::json& object,
                                                                   const std::string& what);

}  // namespace chorus::runner
