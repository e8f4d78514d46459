#include "runner_server/model/weight_specs.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace chorus::runner {
namespace {

using Names = std::vector<std::string>;

// Collects what an architecture asks of a checkpoint.
class SpecList {
 public:
  explicit SpecList(const Architecture& architecture) : architecture_(architecture) {}

  void Add(const std::string& name, std::vector<uint64_t> shape, Names aliases = {}) {
    specs.push_back({.name = name, .shape = std::move(shape), .aliases = std::move(aliases)});
  }
  void AddEmbedding(const std::string& name, uint64_t rows, uint64_t width, Names aliases = {}) {
    if (!name.empty()) Add(name + ".weight", {rows, width}, std::move(aliases));
  }
  void AddLinear(const std::string& name, uint64_t out, uint64_t in, bool has_bias,
                 bool transposed = false) {
    if (name.empty()) return;
    Add(name + ".weight", transposed ? std::vector{in, out} : std::vector{out, in});
    if (has_bias) Add(name + ".bias", {out});
  }
  void AddNorm(const std::string& name, uint64_t size) {
    if (name.empty()) return;
    // The names of BERT's original TensorFlow release; as in Hugging Face, of such norms alone.
    const bool has_old_names = name.ends_with("LayerNorm");
    const auto old = [&](const char* part) { return has_old_names ? Names{name + part} : Names(); };
    Add(name + ".weight", {size}, old(".gamma"));
    if (architecture_.biases.norms) Add(name + ".bias", {size}, old(".beta"));
  }
  void AddLayer(int index) {
    const Architecture& a = architecture_;
    const WeightNames& names = a.names;
    const bool transposed = names.transposed_in_layers;
    const uint64_t hidden = a.hidden_size;
    const auto name = [&](const std::string& part) {
      return part.empty() ? part : LayerName(a, index, part);
    };
    const auto add_norms = [&](const NormNames& norms, bool has_first) {
      if (has_first) AddNorm(name(norms.before), hidden);
      AddNorm(name(norms.output), hidden);
      AddNorm(name(norms.sum), hidden);
    };
    add_norms(names.attention_norms, a.HasAttentionNorm(index));
    for (size_t i = 0; i < names.qkv.size(); ++i) {
      const uint64_t size = names.qkv.size() == 1 ? a.qkv_size()
                            : i == 0              ? a.q_size()
                                                  : a.kv_size();
      AddLinear(name(names.qkv[i]), size, hidden, a.biases.qkv, transposed);
    }
    AddNorm(name(names.q_norm), a.head_size);
    AddNorm(name(names.k_norm), a.head_size);
    AddLinear(name(names.attention_out), hidden, a.q_size(), a.biases.attention_out, transposed);
    add_norms(names.mlp_norms, true);
    const uint64_t inner = (a.gated_mlp ? 2 : 1) * a.inner_size / names.inner.size();
    for (const std::string& part : names.inner) {
      AddLinear(name(part), inner, hidden, a.biases.mlp, transposed);
    }
    AddLinear(name(names.outer), hidden, a.inner_size, a.biases.mlp, transposed);
  }

  std::vector<WeightSpec> specs;

 private:
  const Architecture& architecture_;
};

// What the head of an encoder asks for.
std::vector<WeightSpec> HeadSpecs(const Architecture& architecture) {
  std::vector<WeightSpec> specs;
  const auto hidden = static_cast<uint64_t>(architecture.hidden_size);
  const WeightNames& names = architecture.names;
  const auto* classifier = std::get_if<ClassificationHead>(&architecture.head);
  const bool is_optional = classifier != nullptr && classifier->untrained_seed.has_value();
  const auto add = [&](const std::string& name, std::vector<uint64_t> shape, bool has_bias) {
    const uint64_t out = shape[0];
    specs.push_back({.name = name + ".weight", .shape = std::move(shape), .optional = is_optional});
    if (has_bias) {
      specs.push_back({.name = name + ".bias", .shape = {out}, .optional = is_optional});
    }
  };
  if (HasPooler(architecture.head)) add(names.pooler, {hidden, hidden}, architecture.biases.pooler);
  if (!names.pooler_norm.empty()) add(names.pooler_norm, {hidden}, architecture.biases.norms);
  if (classifier != nullptr && !classifier->draws_scores) {
    add(names.head, {classifier->labels.size(), hidden}, true);
  }
  for (const DenseLayer& dense : DenseLayersOf(architecture.head)) {
    const std::vector<uint64_t> shape = {static_cast<uint64_t>(dense.out),
                                         static_cast<uint64_t>(dense.in)};
    add(dense.linear_name(), shape, dense.has_bias);
    if (dense.projects_input()) add(dense.residual_name(), shape, /*has_bias=*/false);
  }
  return specs;
}

}  // namespace

std::vector<WeightSpec> WeightSpecs(const Architecture& architecture) {
  const WeightNames& names = architecture.names;
  const uint64_t hidden = architecture.hidden_size;
  const uint64_t embedding = architecture.embedding_width();
  const bool projection_bias = architecture.biases.embedding_projection;
  SpecList list(architecture);
  const auto* generator = std::get_if<LanguageModelHead>(&architecture.head);
  // Of tied weights a checkpoint may have either; as in Hugging Face, of both the embedding counts.
  const bool is_tied = generator != nullptr && generator->tied;
  list.AddEmbedding(names.token_embedding, architecture.vocab_size, embedding,
                    is_tied ? Names{names.head + ".weight"} : Names());
  list.AddEmbedding(names.position_embedding, architecture.num_positions(),
                    architecture.position_width());
  list.AddEmbedding(names.token_type_embedding, architecture.num_token_types, embedding);
  list.AddNorm(names.embedding_norm, embedding);
  list.AddLinear(names.embedding_projection, hidden, embedding, projection_bias);
  for (int i = 0; i < architecture.num_stored_layers(); ++i) list.AddLayer(i);
  list.AddNorm(names.final_norm, hidden);
  list.AddLinear(names.head_projection, embedding, hidden, projection_bias);
  if (generator != nullptr) {
    const auto vocab = static_cast<uint64_t>(architecture.vocab_size);
    if (!is_tied) list.Add(names.head + ".weight", {vocab, embedding});
    if (generator->has_bias) list.Add(names.head + ".bias", {vocab});
  } else {
    std::ranges::move(HeadSpecs(architecture), std::back_inserter(list.specs));
  }
  return std::move(list.specs);
}

}  // namespace chorus::runner
