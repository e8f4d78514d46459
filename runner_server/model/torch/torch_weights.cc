#include "runner_server/model/torch/torch_weights.h"

#include <limits>
#include <utility>
#include <variant>

#include "runner_server/kernels/precision.h"

namespace chorus::runner {
namespace {

using Names = std::vector<std::string>;

// The largest weight that stays finite.
float Largest(at::ScalarType dtype) {
  switch (dtype) {
    case at::kHalf:
      return 65504;
    case at::kBFloat16:
      return LargestWeight(Precision::kBfloat16);
    default:
      return std::numeric_limits<float>::max();
  }
}

class Reader {
 public:
  Reader(const Architecture& architecture, const WeightSource& source, at::ScalarType dtype,
         const at::Device& device)
      : architecture_(architecture), source_(source), dtype_(dtype), device_(device) {}

  at::Tensor Read(const std::string& name, at::ScalarType dtype) const {
    const std::span<const uint64_t> shape = source_.shape(name);
    at::Tensor values =
        at::empty(std::vector<int64_t>(shape.begin(), shape.end()), at::TensorOptions(at::kFloat));
    source_.Read(name, 0, values.numel(), values.mutable_data_ptr<float>(), Largest(dtype));
    return values.to(device_, dtype);
  }

  at::Tensor ReadEmbedding(const std::string& name, at::ScalarType dtype) const {
    return name.empty() ? at::Tensor() : Read(name + ".weight", dtype);
  }

  TorchNorm ReadNorm(const std::string& name) const {
    if (name.empty()) return {};
    TorchNorm norm = {.kind = architecture_.norm,
                      .weight = Read(name + ".weight", at::kFloat),
                      .epsilon = architecture_.norm_epsilon};
    if (architecture_.norm_weight_offset != 0) norm.weight += architecture_.norm_weight_offset;
    if (architecture_.biases.norms) norm.bias = Read(name + ".bias", at::kFloat);
    return norm;
  }

  // Linear layers over the same input as one, their outputs side by side.
  TorchLinear ReadLinear(const Names& names, bool has_bias, at::ScalarType dtype,
                         bool transposed = false) const {
    std::vector<at::Tensor> weights, biases;
    for (const std::string& name : names) {
      const at::Tensor weight = Read(name + ".weight", dtype);
      weights.push_back(transposed ? weight.t().contiguous() : weight);
      if (has_bias) biases.push_back(Read(name + ".bias", dtype));
    }
    TorchLinear linear = {.weight = weights.size() == 1 ? weights[0] : at::cat(weights)};
    if (has_bias) linear.bias = biases.size() == 1 ? biases[0] : at::cat(biases);
    return linear;
  }
  TorchLinear ReadLinear(const std::string& name, bool has_bias, at::ScalarType dtype) const {
    return name.empty() ? TorchLinear() : ReadLinear(Names{name}, has_bias, dtype);
  }

  TorchLayer ReadLayer(int index) const {
    const Architecture& a = architecture_;
    const WeightNames& names = a.names;
    const auto name = [&](const std::string& part) {
      return part.empty() ? part : LayerName(a, index, part);
    };
    const auto read = [&](Names parts, bool has_bias) {
      for (std::string& part : parts) part = name(part);
      return ReadLinear(parts, has_bias, dtype_, names.transposed_in_layers);
    };
    const auto read_norms = [&](const NormNames& norms, bool has_first) {
      return TorchSublayerNorms{.before = has_first ? ReadNorm(name(norms.before)) : TorchNorm(),
                                .output = ReadNorm(name(norms.output)),
                                .sum = ReadNorm(name(norms.sum))};
    };
    TorchLayer layer;
    layer.attention_norms = read_norms(names.attention_norms, a.HasAttentionNorm(index));
    layer.qkv = read(names.qkv, a.biases.qkv);
    if (names.qkv_by_head) SortByKind(layer.qkv);
    layer.q_norm = ReadNorm(name(names.q_norm));
    layer.k_norm = ReadNorm(name(names.k_norm));
    layer.attention_out = read({names.attention_out}, a.biases.attention_out);
    layer.mlp_norms = read_norms(names.mlp_norms, true);
    layer.inner = read(names.inner, a.biases.mlp);
    layer.outer = read({names.outer}, a.biases.mlp);
    return layer;
  }

 private:
  // Makes of each head's query, key and value, head after head, all queries, all keys, all values.
  void SortByKind(TorchLinear& qkv) const {
    const int64_t heads = architecture_.num_heads, size = architecture_.head_size;
    qkv.weight = qkv.weight.view({heads, 3, size, -1}).transpose(0, 1).reshape_as(qkv.weight);
    if (!qkv.bias.defined()) return;
    qkv.bias = qkv.bias.view({heads, 3, size}).transpose(0, 1).reshape_as(qkv.bias);
  }

  const Architecture& architecture_;
  const WeightSource& source_;
  const at::ScalarType dtype_;
  const at::Device device_;
};

}  // namespace

at::Tensor TorchNorm::operator()(const at::Tensor& x) const {
  return kind == NormKind::kLayerNorm ? at::layer_norm(x, weight.sizes(), weight, bias, epsilon)
                                      : at::rms_norm(x, weight.sizes(), weight, epsilon);
}

at::Tensor TorchLinear::operator()(const at::Tensor& x) const {
  return at::linear(x.to(weight.scalar_type()), weight, bias);
}

TorchWeights TorchWeights::Read(const Architecture& architecture, const WeightSource& source,
                                at::ScalarType dtype, const at::Device& device) {
  const Architecture& a = architecture;
  const WeightNames& names = a.names;
  const Reader reader(architecture, source, dtype, device);
  TorchWeights weights;
  weights.token_embedding =
      reader.ReadEmbedding(names.token_embedding, a.generates() ? dtype : at::kFloat);
  weights.positions = reader.ReadEmbedding(names.position_embedding, at::kFloat);
  weights.token_types = reader.ReadEmbedding(names.token_type_embedding, at::kFloat);
  weights.embedding_norm = reader.ReadNorm(names.embedding_norm);
  weights.embedding_projection =
      reader.ReadLinear(names.embedding_projection, a.biases.embedding_projection, dtype);
  for (int i = 0; i < a.num_stored_layers(); ++i) weights.layers.push_back(reader.ReadLayer(i));
  weights.final_norm = reader.ReadNorm(names.final_norm);
  weights.head_projection =
      reader.ReadLinear(names.head_projection, a.biases.embedding_projection, dtype);
  if (const auto* generator = std::get_if<LanguageModelHead>(&a.head)) {
    const at::ScalarType head_dtype = device.is_cuda() ? dtype : at::kFloat;
    const std::string& name = generator->tied ? names.token_embedding : names.head;
    weights.head.weight = generator->tied && head_dtype == dtype
                              ? weights.token_embedding
                              : reader.Read(name + ".weight", head_dtype);
    if (generator->has_bias) weights.head.bias = reader.Read(names.head + ".bias", at::kFloat);
  } else if (HasPooler(a.head)) {
    weights.pooler = reader.ReadLinear(names.pooler, a.biases.pooler, at::kFloat);
    weights.pooler_norm = reader.ReadNorm(names.pooler_norm);
  }
  if (std::holds_alternative<ClassificationHead>(a.head)) {
    weights.scores = reader.ReadLinear(names.head, true, at::kFloat);
  }
  for (const DenseLayer& dense : DenseLayersOf(a.head)) {
    weights.dense.push_back(reader.ReadLinear(dense.linear_name(), dense.has_bias, at::kFloat));
    weights.dense_residuals.push_back(
        dense.projects_input() ? reader.ReadLinear(dense.residual_name(), false, at::kFloat)
                               : TorchLinear());
  }
  for (const RotaryPositions& rotary : a.rotaries) {
    weights.frequencies.push_back(at::tensor(rotary.frequencies, at::kFloat).to(device));
  }
  return weights;
}

}  // namespace chorus::runner
