#include "runner_server/model/transformer_weights.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "base/status_macros.h"
#include "runner_server/model/weight_specs.h"

namespace chorus::runner {
namespace {

using Names = std::vector<std::string>;

Names LayerNames(const Architecture& architecture, int index, Names parts) {
  for (std::string& part : parts) part = LayerName(architecture, index, part);
  return parts;
}

// Where a row of a packed matrix lies in the checkpoint; part -1: it is of zeros.
struct Source {
  int part;
  int row;
};
using RowOrder = absl::FunctionRef<Source(int row)>;

// Reads tensors in one precision.
class Reader {
 public:
  Reader(const Architecture& architecture, const WeightSource& weights, Precision precision,
         ThreadPool& pool)
      : architecture_(architecture), weights_(weights), precision_(precision), pool_(pool) {}

  std::vector<float> ReadEmbedding(const std::string& name) const {
    if (name.empty()) return {};
    return weights_.ReadAll(name + ".weight");
  }

  Norm ReadNorm(const std::string& name) const {
    if (name.empty()) return {};
    Norm norm = {.kind = architecture_.norm,
                 .weight = weights_.ReadAll(name + ".weight"),
                 .epsilon = architecture_.norm_epsilon};
    for (float& weight : norm.weight) weight += architecture_.norm_weight_offset;
    if (architecture_.biases.norms) norm.bias = weights_.ReadAll(name + ".bias");
    return norm;
  }

  // Linear layers over the same input as one, their outputs side by side.
  absl::StatusOr<Linear> ReadLinear(const Names& names, bool has_bias) const {
    int out = 0;
    for (const std::string& name : names) out += NumRows(name);
    return ReadLinear(names, has_bias, out, [&](int row) {
      int part = 0;
      for (; row >= NumRows(names[part]); ++part) row -= NumRows(names[part]);
      return Source{part, row};
    });
  }
  absl::StatusOr<Linear> ReadLinear(const std::string& name, bool has_bias) const {
    if (name.empty()) return Linear();
    return ReadLinear(Names{name}, has_bias);
  }

  // Of `out` rows in that order.
  absl::StatusOr<Linear> ReadLinear(const Names& names, bool has_bias, int out,
                                    RowOrder order) const {
    Names parts;
    for (const std::string& name : names) parts.push_back(name + ".weight");
    const size_t in = weights_.shape(parts[0])[1];
    const float largest = LargestWeight(precision_);
    const auto read = [&](size_t first, size_t count, float* values) {
      for (size_t at = first; at < first + count; at += in, values += in) {
        const Source source = order(static_cast<int>(at / in));
        if (source.part < 0) {
          std::fill_n(values, in, 0.0f);
        } else {
          weights_.Read(parts[source.part], source.row * in, in, values, largest);
        }
      }
    };
    Linear linear;
    ASSIGN_OR_RETURN(linear.weight,
                     PackedMatrix::FromRows(precision_, out, static_cast<int>(in), read, pool_));
    if (!has_bias) return linear;
    std::vector<std::vector<float>> biases;
    for (const std::string& name : names) biases.push_back(weights_.ReadAll(name + ".bias"));
    for (int row = 0; row < out; ++row) {
      const Source source = order(row);
      linear.bias.push_back(source.part < 0 ? 0 : biases[source.part][source.row]);
    }
    return linear;
  }

  // A tensor [in, out].
  absl::StatusOr<Linear> ReadTransposed(const std::string& name, bool has_bias) const {
    const std::string weight = name + ".weight";
    const std::span<const uint64_t> shape = weights_.shape(weight);
    const float largest = LargestWeight(precision_);
    Linear linear;
    ASSIGN_OR_RETURN(linear.weight,
                     PackedMatrix::FromColumns(
                         precision_, static_cast<int>(shape[1]), static_cast<int>(shape[0]),
                         [&](size_t first, size_t count, float* out) {
                           weights_.Read(weight, first, count, out, largest);
                         },
                         pool_));
    if (has_bias) linear.bias = weights_.ReadAll(name + ".bias");
    return linear;
  }

  absl::StatusOr<LayerWeights> ReadLayer(int index) const {
    const Architecture& a = architecture_;
    const WeightNames& names = a.names;
    const auto read = [&](const std::string& part, bool has_bias) {
      const std::string name = LayerName(a, index, part);
      return names.transposed_in_layers ? ReadTransposed(name, has_bias)
                                        : ReadLinear(name, has_bias);
    };
    const auto read_norm = [&](const std::string& part) {
      return part.empty() ? Norm() : ReadNorm(LayerName(a, index, part));
    };
    const auto read_norms = [&](const NormNames& norms, bool has_first) {
      return SublayerNorms{.before = has_first ? read_norm(norms.before) : Norm(),
                           .output = read_norm(norms.output),
                           .sum = read_norm(norms.sum)};
    };
    LayerWeights layer;
    layer.attention_norms = read_norms(names.attention_norms, a.HasAttentionNorm(index));
    ASSIGN_OR_RETURN(
        layer.qkv, names.transposed_in_layers ? read(names.qkv[0], a.biases.qkv) : ReadQkv(index));
    layer.q_norm = read_norm(names.q_norm);
    layer.k_norm = read_norm(names.k_norm);
    ASSIGN_OR_RETURN(layer.attention_out, read(names.attention_out, a.biases.attention_out));
    layer.mlp_norms = read_norms(names.mlp_norms, true);
    ASSIGN_OR_RETURN(layer.inner,
                     a.gated_mlp ? ReadGated(index) : read(names.inner[0], a.biases.mlp));
    ASSIGN_OR_RETURN(layer.outer, read(names.outer, a.biases.mlp));
    return layer;
  }

 private:
  int NumRows(const std::string& name) const {
    return static_cast<int>(weights_.shape(name + ".weight")[0]);
  }

  absl::StatusOr<Linear> ReadQkv(int index) const {
    const Architecture& a = architecture_;
    const Names names = LayerNames(a, index, a.names.qkv);
    if (!a.names.qkv_by_head) return ReadLinear(names, a.biases.qkv);
    return ReadLinear(names, a.biases.qkv, a.qkv_size(), [&a](int row) {
      const int which = row / a.q_size();  // Query, key or value: as many of each.
      const int head = row % a.q_size() / a.head_size;
      return Source{0, (3 * head + which) * a.head_size + row % a.head_size};
    });
  }

  // As gemm.h has the panels of a gated product.
  absl::StatusOr<Linear> ReadGated(int index) const {
    const Architecture& a = architecture_;
    const Names names = LayerNames(a, index, a.names.inner);
    constexpr int kHalf = kPanelColumns / 2;
    const int out = GemmPanels(2 * a.inner_size) * kPanelColumns;
    const auto order = [&](int row) {
      const int which = row % kPanelColumns / kHalf;  // The gate or the other.
      const int column = row / kPanelColumns * kHalf + row % kHalf;
      if (column >= a.inner_size) return Source{-1, 0};
      return names.size() == 1 ? Source{0, which * a.inner_size + column} : Source{which, column};
    };
    ASSIGN_OR_RETURN(Linear linear, ReadLinear(names, a.biases.mlp, out, order));
    linear.num_gated = a.inner_size;
    return linear;
  }

  const Architecture& architecture_;
  const WeightSource& weights_;
  const Precision precision_;
  ThreadPool& pool_;
};

}  // namespace

absl::StatusOr<TransformerWeights> TransformerWeights::Read(const Architecture& architecture,
                                                            const WeightSource& source,
                                                            Precision precision, ThreadPool& pool) {
  const WeightNames& names = architecture.names;
  const Reader reader(architecture, source, precision, pool);
  const auto* language_model = std::get_if<LanguageModelHead>(&architecture.head);
  TransformerWeights weights;
  if (language_model != nullptr) {
    ASSIGN_OR_RETURN(weights.packed_embedding,
                     reader.ReadLinear(names.token_embedding, /*has_bias=*/false));
  } else {
    weights.token_embedding = reader.ReadEmbedding(names.token_embedding);
  }
  weights.positions = reader.ReadEmbedding(names.position_embedding);
  weights.token_types = reader.ReadEmbedding(names.token_type_embedding);
  weights.embedding_norm = reader.ReadNorm(names.embedding_norm);
  const bool projection_bias = architecture.biases.embedding_projection;
  ASSIGN_OR_RETURN(weights.embedding_projection,
                   reader.ReadLinear(names.embedding_projection, projection_bias));
  for (int i = 0; i < architecture.num_stored_layers(); ++i) {
    ASSIGN_OR_RETURN(LayerWeights layer, reader.ReadLayer(i));
    weights.layers.push_back(std::move(layer));
  }
  weights.final_norm = reader.ReadNorm(names.final_norm);
  ASSIGN_OR_RETURN(weights.head_projection,
                   reader.ReadLinear(names.head_projection, projection_bias));
  if (language_model == nullptr) {
    ASSIGN_OR_RETURN(weights.encoder_head, EncoderHead::Read(architecture, source, pool));
  } else if (!language_model->tied) {
    ASSIGN_OR_RETURN(weights.head, reader.ReadLinear(names.head, language_model->has_bias));
  } else if (language_model->has_bias) {
    weights.packed_embedding.bias = source.ReadAll(names.head + ".bias");
  }
  return weights;
}

}  // namespace chorus::runner
