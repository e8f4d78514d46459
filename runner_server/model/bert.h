#pragma once

// BERT with a classification head (Devlin et al., 2018, arXiv:1810.04805), as Hugging
// Face's BertForSequenceClassification computes it: post-norm blocks, pooler over the first token.
//
// Rows of any length are laid end to end; only attention sees where one ends. Nothing is padded.
// Thread safety: as SequenceClassifier; threads of its own run inside Forward alone.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/kernels/attention.h"
#include "runner_server/model/bert_config.h"
#include "runner_server/model/layers.h"
#include "runner_server/model/sequence_classifier.h"
#include "runner_server/weights/safetensors_file.h"

namespace chorus {

class Bert : public SequenceClassifier {
 public:
  // Copies the weights; `file` may be closed afterwards. INVALID_ARGUMENT lists the tensors that do
  // not fit `config`; FAILED_PRECONDITION for a file without classification head, and says what to
  // do; RESOURCE_EXHAUSTED without memory. num_threads must be >= 1.
  static absl::StatusOr<std::unique_ptr<Bert>> Create(const BertConfig& config,
                                                      const SafetensorsFile& file,
                                                      Precision precision, int num_threads);

  int vocab_size() const override { return config_.vocab_size; }
  int context_size() const override { return config_.context_size; }
  const std::vector<std::string>& labels() const override { return config_.labels; }
  void set_num_threads(int num_threads) override {
    linear_.pool().set_num_active_threads(num_threads);
  }
  std::span<const float> Forward(std::span<const std::span<const int32_t>> rows) override;

 private:
  using Rows = std::span<const std::span<const int32_t>>;
  struct Layer {
    Linear qkv;  // [hidden] -> [q | k | v]
    Linear attention_out;
    Norm attention_norm;
    Linear inner;
    Linear outer;
    Norm outer_norm;
  };

  Bert(const BertConfig& config, Precision precision, int num_threads)
      : config_(config), kv_element_(KvElementOf(precision)), linear_(num_threads) {}

  absl::Status Load(const WeightMap& weights, Precision precision);

  // The stages of Forward; x is [tokens of all rows, hidden].
  void Embed(Rows rows, float* x);
  void Attend(Rows rows, const float* qkv, float* out);
  std::span<const float> Classify(Rows rows, const float* x);

  const BertConfig config_;
  const KvElement kv_element_;
  LinearContext linear_;
  std::vector<float> word_embedding_;      // [vocab, hidden]
  std::vector<float> position_embedding_;  // [context, hidden], the first token type's added.
  Norm embedding_norm_;
  std::vector<Layer> layers_;
  Linear pooler_;  // fp32 in every precision, as the classifier: they cost nothing.
  Linear classifier_;

  std::vector<int> first_tokens_;  // Of the pass: each row's first token among all tokens.
  std::vector<Scratch> scratch_;   // By thread.
  std::vector<Scratch> kv_;        // By thread: one head's keys and values of one row, in blocks.
  Scratch x_, qkv_, mixed_, inner_, first_, pooled_, logits_;  // By stage.
};

}  // namespace chorus
