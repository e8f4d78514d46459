// The same mathematics from libtorch's operators in double precision, beside the models' own
// kernels: another author's arithmetic, over shapes that the golden models do not have.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "runner_server/model/load_model.h"
#include "runner_server/tensor/torch.h"
#include "tests/runner_server/model/test_checkpoint.h"

namespace chorus::runner {
namespace {

using Ids = std::vector<int32_t>;

// A checkpoint's tensors as double.
class Weights {
 public:
  explicit Weights(const std::vector<TestTensor>& tensors) {
    for (const TestTensor& tensor : tensors) {
      const std::vector<int64_t> shape(tensor.shape.begin(), tensor.shape.end());
      tensors_[tensor.name] = at::tensor(tensor.values, at::kFloat).reshape(shape).to(at::kDouble);
    }
  }
  const at::Tensor& operator[](const std::string& name) const { return tensors_.at(name); }
  at::Tensor Norm(const std::string& name, const at::Tensor& x, double epsilon) const {
    const at::Tensor& weight = tensors_.at(name + ".weight");
    return at::layer_norm(x, weight.sizes(), weight, tensors_.at(name + ".bias"), epsilon);
  }
  at::Tensor Linear(const std::string& name, const at::Tensor& x) const {
    return at::linear(x, tensors_.at(name + ".weight"), tensors_.at(name + ".bias"));
  }
  at::Tensor Conv1D(const std::string& name, const at::Tensor& x) const {
    return at::matmul(x, tensors_.at(name + ".weight")) + tensors_.at(name + ".bias");
  }

 private:
  std::map<std::string, at::Tensor> tensors_;
};

// q, k, v: [tokens, hidden].
at::Tensor Attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads,
                  bool causal) {
  const int64_t tokens = q.size(0);
  const auto split = [&](const at::Tensor& x) {
    return x.reshape({1, tokens, heads, -1}).transpose(1, 2);
  };
  const at::Tensor mixed =
      at::scaled_dot_product_attention(split(q), split(k), split(v), {}, 0, causal);
  return mixed.transpose(1, 2).reshape({tokens, -1});
}

at::Tensor Gpt2Logits(const Weights& weights, const nlohmann::json& config, const Ids& ids) {
  const double epsilon = 1e-5;
  const at::Tensor tokens = at::tensor(ids, at::kLong);
  at::Tensor x = weights["wte.weight"].index_select(0, tokens) +
                 weights["wpe.weight"].narrow(0, 0, tokens.size(0));
  for (int i = 0; i < config.at("n_layer"); ++i) {
    const std::string layer = "h." + std::to_string(i);
    const std::vector<at::Tensor> qkv =
        weights.Conv1D(layer + ".attn.c_attn", weights.Norm(layer + ".ln_1", x, epsilon))
            .chunk(3, 1);
    x = x + weights.Conv1D(layer + ".attn.c_proj",
                           Attend(qkv[0], qkv[1], qkv[2], config.at("n_head"), true));
    const at::Tensor inner =
        weights.Conv1D(layer + ".mlp.c_fc", weights.Norm(layer + ".ln_2", x, epsilon));
    const bool relu = config.value("activation_function", "gelu_new") == "relu";
    x = x + weights.Conv1D(layer + ".mlp.c_proj", relu ? at::relu(inner) : at::gelu(inner, "tanh"));
  }
  const at::Tensor last = weights.Norm("ln_f", x, epsilon).select(0, tokens.size(0) - 1);
  return at::matmul(weights["wte.weight"], last);
}

at::Tensor BertLogits(const Weights& weights, const nlohmann::json& config, const Ids& ids) {
  const double epsilon = 1e-12;
  const std::string embeddings = "bert.embeddings.";
  const at::Tensor tokens = at::tensor(ids, at::kLong);
  at::Tensor x = weights[embeddings + "word_embeddings.weight"].index_select(0, tokens) +
                 weights[embeddings + "position_embeddings.weight"].narrow(0, 0, tokens.size(0)) +
                 weights[embeddings + "token_type_embeddings.weight"][0];
  x = weights.Norm(embeddings + "LayerNorm", x, epsilon);
  for (int i = 0; i < config.at("num_hidden_layers"); ++i) {
    const std::string layer = "bert.encoder.layer." + std::to_string(i);
    const std::string self = layer + ".attention.self.";
    const at::Tensor mixed =
        Attend(weights.Linear(self + "query", x), weights.Linear(self + "key", x),
               weights.Linear(self + "value", x), config.at("num_attention_heads"), false);
    x = weights.Norm(layer + ".attention.output.LayerNorm",
                     x + weights.Linear(layer + ".attention.output.dense", mixed), epsilon);
    const at::Tensor inner = at::gelu(weights.Linear(layer + ".intermediate.dense", x));
    x = weights.Norm(layer + ".output.LayerNorm",
                     x + weights.Linear(layer + ".output.dense", inner), epsilon);
  }
  return weights.Linear("classifier", at::tanh(weights.Linear("bert.pooler.dense", x[0])));
}

void ExpectClose(std::span<const float> actual, const at::Tensor& expected) {
  const at::Tensor given =
      at::tensor(at::ArrayRef<float>(actual.data(), actual.size()), at::kFloat).to(at::kDouble);
  const double ratio = ((given - expected).abs().max() / expected.abs().max()).item<double>();
  EXPECT_LE(ratio, 1e-5);
}

Ids RandomIds(int length, int vocab_size) {
  std::mt19937 random(length);
  Ids ids(length);
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % vocab_size);
  return ids;
}

template <typename Model>
std::unique_ptr<Model> Load(const TemporaryDirectory& directory, const nlohmann::json& config,
                            const std::vector<TestTensor>& tensors) {
  WriteConfig(directory.path(), config);
  WriteSafetensors(directory.path() / "model.safetensors", tensors);
  absl::StatusOr<LoadedModel> loaded = LoadModel(directory.path(), {.num_threads = 2});
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return std::get<std::unique_ptr<Model>>(std::move(loaded->model));
}

struct Widths {
  int hidden, heads, inner, vocab_size;
};
constexpr Widths kWidths[] = {{6, 3, 5, 11}, {48, 4, 200, 131}, {160, 2, 64, 64}, {256, 1, 1, 300}};

TEST(TorchReferenceTest, Gpt2IsTheSame) {
  for (const Widths& widths : kWidths) {
    for (const char* activation : {"gelu_new", "relu"}) {
      const nlohmann::json config = {{"model_type", "gpt2"},
                                     {"n_embd", widths.hidden},
                                     {"n_head", widths.heads},
                                     {"n_inner", widths.inner},
                                     {"n_layer", 3},
                                     {"n_positions", 60},
                                     {"vocab_size", widths.vocab_size},
                                     {"activation_function", activation}};
      const TemporaryDirectory directory("torch_gpt2");
      const std::vector<TestTensor> tensors = RandomGpt2(config);
      const auto model = Load<LanguageModel>(directory, config, tensors);
      for (const int length : {1, 18, 60}) {
        SCOPED_TRACE(testing::Message() << "hidden " << widths.hidden << " length " << length);
        const Ids ids = RandomIds(length, widths.vocab_size);
        const LanguageModel::Row row = {.slot = 0, .start = 0, .tokens = ids, .wants_logits = true};
        ExpectClose(model->Forward({&row, 1}), Gpt2Logits(Weights(tensors), config, ids));
      }
    }
  }
}

TEST(TorchReferenceTest, BertIsTheSame) {
  for (const Widths& widths : kWidths) {
    const nlohmann::json config = {{"model_type", "bert"},
                                   {"hidden_size", widths.hidden},
                                   {"num_attention_heads", widths.heads},
                                   {"intermediate_size", widths.inner},
                                   {"num_hidden_layers", 3},
                                   {"max_position_embeddings", 60},
                                   {"vocab_size", widths.vocab_size}};
    const TemporaryDirectory directory("torch_bert");
    const std::vector<TestTensor> tensors = RandomBert(config);
    const auto model = Load<SequenceEncoder>(directory, config, tensors);
    for (const int length : {1, 18, 60}) {
      SCOPED_TRACE(testing::Message() << "hidden " << widths.hidden << " length " << length);
      const Ids ids = RandomIds(length, widths.vocab_size);
      const SequenceEncoder::Row row(ids);
      ExpectClose(model->Forward({&row, 1}), BertLogits(Weights(tensors), config, ids));
    }
  }
}

}  // namespace
}  // namespace chorus::runner
