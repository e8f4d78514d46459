#pragma once

// The most probable segmentation of a word by a unigram language model, equal to Hugging Face's
// Unigram. Source: Kudo, "Subword Regularization".
//
// Thread safety: immutable; all methods may be called from any thread.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/prefix_trie.h"
#include "runner_server/tokenizer/token_model.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {

class UnigramModel final : public TokenModel {
 public:
  struct Options {
    std::vector<double> scores;  // Logarithms of probabilities, by id.
    int32_t unknown_id = 0;
    bool byte_fallback = false;  // An unknown text becomes tokens such as "<0x0A>".
  };

  // `vocabulary` must outlive the model. INVALID_ARGUMENT if there is not one finite score for each
  // token, or no unknown token.
  static absl::StatusOr<std::unique_ptr<UnigramModel>> Create(const Vocabulary& vocabulary,
                                                              Options options);

  void Encode(std::string_view word, std::vector<int32_t>& ids,
              std::vector<Part>* parts) const override;

 private:
  // The best path that ends at a byte: its last token.
  struct Step {
    double score = 0;
    uint32_t begin = UINT32_MAX;  // UINT32_MAX: no path ends here.
    int32_t id = -1;
  };

  UnigramModel(const Vocabulary& vocabulary, Options options)
      : vocabulary_(vocabulary), options_(std::move(options)) {}

  void FindBestPath(std::string_view word, std::vector<Step>& steps) const;
  void AppendUnknown(std::string_view word, Part part, std::vector<int32_t>& ids,
                     std::vector<Part>* parts) const;

  const Vocabulary& vocabulary_;
  const Options options_;
  double unknown_score_ = 0;
  std::vector<int32_t> byte_ids_;  // Of all 256 bytes; empty: no fallback.
  PrefixTrie trie_;
};

}  // namespace chorus::runner
