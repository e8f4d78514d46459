#include "runner_server/model/transformer.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {
namespace {

bool IsLanguageModel(const Architecture& architecture) {
  return std::holds_alternative<LanguageModelHead>(architecture.head);
}

std::string LayerName(const Architecture& architecture, int index, const std::string& part) {
  return absl::StrCat(architecture.names.layers, ".", index, ".", part);
}

// Collects what an architecture asks of a checkpoint.
class SpecList {
 public:
  explicit SpecList(const Architecture& architecture) : hidden_(architecture.hidden_size) {}

  void Add(const std::string& name, std::vector<uint64_t> shape,
           std::vector<std::string> aliases = {}) {
    specs.push_back({.name = name, .shape = std::move(shape), .aliases = std::move(aliases)});
  }
  void AddEmbedding(const std::string& name, uint64_t rows, std::vector<std::string> aliases = {}) {
    if (!name.empty()) Add(name + ".weight", {rows, hidden_}, std::move(aliases));
  }
  void AddLinear(const std::string& name, uint64_t out, uint64_t in, bool transposed = false) {
    Add(name + ".weight", transposed ? std::vector{in, out} : std::vector{out, in});
    Add(name + ".bias", {out});
  }
  void AddNorm(const std::string& name) {
    if (name.empty()) return;
    // The names of BERT's original TensorFlow release; as in Hugging Face, of such norms alone.
    const bool has_old_names = name.ends_with("LayerNorm");
    const auto old = [&](const char* part) {
      return has_old_names ? std::vector{name + part} : std::vector<std::string>();
    };
    Add(name + ".weight", {hidden_}, old(".gamma"));
    Add(name + ".bias", {hidden_}, old(".beta"));
  }

  std::vector<WeightSpec> specs;

 private:
  const uint64_t hidden_;
};

std::vector<WeightSpec> Specs(const Architecture& architecture) {
  const WeightNames& names = architecture.names;
  const bool transposed = names.transposed_in_layers;
  const uint64_t hidden = architecture.hidden_size;
  const uint64_t inner = architecture.inner_size;
  SpecList list(architecture);
  const auto* generator = std::get_if<LanguageModelHead>(&architecture.head);
  // Of tied weights a checkpoint may have either; as in Hugging Face, of both the embedding counts.
  const bool is_tied = generator != nullptr && generator->tied;
  list.AddEmbedding(names.token_embedding, architecture.vocab_size,
                    is_tied ? std::vector{names.head + ".weight"} : std::vector<std::string>());
  list.AddEmbedding(names.position_embedding, architecture.num_positions());
  list.AddEmbedding(names.token_type_embedding, architecture.num_token_types);
  list.AddNorm(names.embedding_norm);
  for (int i = 0; i < architecture.num_layers; ++i) {
    const auto name = [&](const std::string& part) { return LayerName(architecture, i, part); };
    for (const std::string& part : names.qkv) {
      list.AddLinear(name(part), 3 * hidden / names.qkv.size(), hidden, transposed);
    }
    list.AddLinear(name(names.attention_out), hidden, hidden, transposed);
    list.AddNorm(name(names.attention_norm));
    list.AddLinear(name(names.inner), inner, hidden, transposed);
    list.AddLinear(name(names.outer), hidden, inner, transposed);
    list.AddNorm(name(names.mlp_norm));
  }
  list.AddNorm(names.final_norm);
  if (generator != nullptr) {
    if (!is_tied) list.AddEmbedding(names.head, architecture.vocab_size);
  } else {
    list.AddLinear(names.pooler, hidden, hidden);
    list.AddLinear(names.head, std::get<ClassificationHead>(architecture.head).labels.size(),
                   hidden);
  }
  return std::move(list.specs);
}

Norm ReadNorm(const WeightMap& weights, const std::string& name, float epsilon) {
  return {.weight = weights.at(name + ".weight").ReadAll(),
          .bias = weights.at(name + ".bias").ReadAll(),
          .epsilon = epsilon};
}

// The tensors, each [out, in], one below the other.
absl::StatusOr<PackedMatrix> ReadRows(const std::vector<const WeightView*>& parts,
                                      Precision precision, ThreadPool& pool) {
  const float largest = LargestWeight(precision);
  uint64_t out = 0;
  for (const WeightView* part : parts) out += part->shape()[0];
  const auto read = [&](size_t first, size_t count, float* values) {
    for (const WeightView* part : parts) {
      if (first < part->size()) {
        const size_t taken = std::min(count, part->size() - first);
        part->Read(first, taken, values, largest);
        values += taken;
        count -= taken;
        first += taken;
      }
      first -= part->size();
      if (count == 0) return;
    }
  };
  return PackedMatrix::FromRows(precision, static_cast<int>(out),
                                static_cast<int>(parts[0]->shape()[1]), read, pool);
}

// A tensor [in, out].
absl::StatusOr<PackedMatrix> ReadColumns(const WeightView& weight, Precision precision,
                                         ThreadPool& pool) {
  const float largest = LargestWeight(precision);
  return PackedMatrix::FromColumns(
      precision, static_cast<int>(weight.shape()[1]), static_cast<int>(weight.shape()[0]),
      [&](size_t first, size_t count, float* out) { weight.Read(first, count, out, largest); },
      pool);
}

// Linear layers over the same input as one, their outputs side by side. If transposed only one.
absl::StatusOr<Linear> ReadLinear(const WeightMap& weights, const std::vector<std::string>& names,
                                  bool transposed, Precision precision, ThreadPool& pool) {
  Linear linear;
  std::vector<const WeightView*> parts;
  for (const std::string& name : names) {
    parts.push_back(&weights.at(name + ".weight"));
    const std::vector<float> bias = weights.at(name + ".bias").ReadAll();
    linear.bias.insert(linear.bias.end(), bias.begin(), bias.end());
  }
  ASSIGN_OR_RETURN(linear.weight, transposed ? ReadColumns(*parts[0], precision, pool)
                                             : ReadRows(parts, precision, pool));
  return linear;
}

// a += b.
void AddRow(const float* b, size_t n, float* a) {
  for (size_t i = 0; i < n; ++i) a[i] += b[i];
}

}  // namespace

absl::Status CheckImplemented(const Architecture& architecture) {
  const bool generates = IsLanguageModel(architecture);
  const auto* classifier = std::get_if<ClassificationHead>(&architecture.head);
  const NormPlace place = architecture.norm_place;
  for (const auto& [is_asked_for, what] : std::initializer_list<std::pair<bool, std::string_view>>{
           {architecture.norm == NormKind::kRmsNorm, "RMSNorm"},
           {architecture.positions == Positions::kRotary, "rotary positions"},
           {architecture.num_kv_heads != architecture.num_heads,
            "key and value heads that several heads share"},
           {!architecture.has_biases, "linear layers without biases"},
           {architecture.mlp == MlpKind::kGated, "a gated MLP"},
           {classifier != nullptr && classifier->pooling == Pooling::kMean, "mean pooling"},
           {generates && place == NormPlace::kAfterSublayer,
            "a language model whose norms come after their sublayers"},
           {!generates && place == NormPlace::kBeforeSublayer,
            "a classifier whose norms come before their sublayers"},
           {generates && architecture.padding_id != -1,
            "a language model whose positions leave out a padding token"},
           {architecture.names.transposed_in_layers && architecture.names.qkv.size() != 1,
            "transposed query, key and value weights in several tensors"}}) {
    if (is_asked_for) {
      return absl::InvalidArgumentError(absl::StrCat("Chorus does not implement ", AbslView(what)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Transformer>> Transformer::Load(const Architecture& architecture,
                                                               const Checkpoint& checkpoint,
                                                               Precision precision,
                                                               int num_threads) {
  ASSIGN_OR_RETURN(const WeightMap weights, WeightMap::Create(checkpoint, Specs(architecture)));
  std::unique_ptr<Transformer> transformer(new Transformer(architecture, precision, num_threads));
  RETURN_IF_ERROR(transformer->ReadWeights(weights));
  return transformer;
}

absl::Status Transformer::ReadWeights(const WeightMap& weights) {
  RETURN_IF_ERROR(ReadEmbeddings(weights));
  for (int i = 0; i < architecture_.num_layers; ++i) {
    ASSIGN_OR_RETURN(Layer layer, ReadLayer(weights, i));
    layers_.push_back(std::move(layer));
  }
  RETURN_IF_ERROR(ReadHead(weights));
  return weights.CheckValues();
}

absl::Status Transformer::ReadEmbeddings(const WeightMap& weights) {
  const WeightNames& names = architecture_.names;
  const WeightView& tokens = weights.at(names.token_embedding + ".weight");
  if (IsLanguageModel(architecture_)) {
    ASSIGN_OR_RETURN(packed_embedding_.weight, ReadRows({&tokens}, precision_, pool()));
  } else {
    token_embedding_ = tokens.ReadAll();
  }
  other_embeddings_ = weights.at(names.position_embedding + ".weight").ReadAll();
  if (!names.token_type_embedding.empty()) {
    const std::vector<float> types = weights.at(names.token_type_embedding + ".weight").ReadAll();
    const size_t hidden = architecture_.hidden_size;
    for (size_t at = 0; at < other_embeddings_.size(); at += hidden) {
      AddRow(types.data(), hidden, &other_embeddings_[at]);
    }
  }
  if (!names.embedding_norm.empty()) {
    embedding_norm_ = ReadNorm(weights, names.embedding_norm, architecture_.norm_epsilon);
  }
  return absl::OkStatus();
}

absl::StatusOr<Transformer::Layer> Transformer::ReadLayer(const WeightMap& weights, int index) {
  const WeightNames& names = architecture_.names;
  const auto read = [&](const std::vector<std::string>& parts) {
    std::vector<std::string> full_names;
    for (const std::string& part : parts) {
      full_names.push_back(LayerName(architecture_, index, part));
    }
    return ReadLinear(weights, full_names, names.transposed_in_layers, precision_, pool());
  };
  const auto read_norm = [&](const std::string& part) {
    return ReadNorm(weights, LayerName(architecture_, index, part), architecture_.norm_epsilon);
  };
  Layer layer;
  ASSIGN_OR_RETURN(layer.qkv, read(names.qkv));
  ASSIGN_OR_RETURN(layer.attention_out, read({names.attention_out}));
  layer.attention_norm = read_norm(names.attention_norm);
  ASSIGN_OR_RETURN(layer.inner, read({names.inner}));
  ASSIGN_OR_RETURN(layer.outer, read({names.outer}));
  layer.mlp_norm = read_norm(names.mlp_norm);
  return layer;
}

absl::Status Transformer::ReadHead(const WeightMap& weights) {
  const WeightNames& names = architecture_.names;
  if (const auto* head = std::get_if<LanguageModelHead>(&architecture_.head)) {
    final_norm_ = ReadNorm(weights, names.final_norm, architecture_.norm_epsilon);
    if (head->tied) return absl::OkStatus();
    ASSIGN_OR_RETURN(head_.weight,
                     ReadRows({&weights.at(names.head + ".weight")}, precision_, pool()));
    return absl::OkStatus();
  }
  const auto read = [&](const std::string& name) {
    return ReadLinear(weights, {name}, /*transposed=*/false, Precision::kFloat32, pool());
  };
  ASSIGN_OR_RETURN(pooler_, read(names.pooler));
  ASSIGN_OR_RETURN(head_, read(names.head));
  return absl::OkStatus();
}

void Transformer::Run(std::span<const Token> tokens, Attend attend) {
  const size_t hidden = architecture_.hidden_size;
  const int num_tokens = static_cast<int>(tokens.size());
  float* x = x_.Get(tokens.size() * hidden);          // [tokens, hidden], the residual stream.
  float* qkv = qkv_.Get(tokens.size() * 3 * hidden);  // [tokens, 3 * hidden]
  float* mixed = mixed_.Get(tokens.size() * hidden);  // [tokens, hidden]
  float* inner = inner_.Get(tokens.size() * architecture_.inner_size);  // [tokens, inner]

  const bool norms_first = architecture_.norm_place == NormPlace::kBeforeSublayer;
  // A sublayer's first linear layer, and what ends it.
  const auto begin = [&](const Norm& norm, const Linear& linear, float* out,
                         Activation activation) {
    norms_first ? linear_.ApplyNormed(norm, linear, x, num_tokens, out, activation)
                : linear_.Apply(linear, x, num_tokens, out, activation);
  };
  const auto end = [&](const Linear& linear, const Norm& norm, const float* in) {
    linear_.Apply(linear, in, num_tokens, x, Activation::kNone, x);
    if (!norms_first) linear_.Normalize(norm, x, num_tokens, x);
  };

  Embed(tokens, x);
  for (int i = 0; i < architecture_.num_layers; ++i) {
    const Layer& layer = layers_[i];
    begin(layer.attention_norm, layer.qkv, qkv, Activation::kNone);
    attend(i, qkv, mixed);
    end(layer.attention_out, layer.attention_norm, mixed);
    begin(layer.mlp_norm, layer.inner, inner, architecture_.activation);
    end(layer.outer, layer.mlp_norm, inner);
  }
}

void Transformer::Embed(std::span<const Token> tokens, float* x) {
  const size_t hidden = architecture_.hidden_size;
  const int num_tokens = static_cast<int>(tokens.size());
  const bool is_packed = IsLanguageModel(architecture_);
  pool().Run(num_tokens, [&](int, int begin, int end) {
    for (int t = begin; t < end; ++t) {
      float* out = x + t * hidden;
      if (is_packed) {
        packed_embedding_.weight.CopyRow(tokens[t].id, out);
      } else {
        std::memcpy(out, &token_embedding_[tokens[t].id * hidden], hidden * sizeof(float));
      }
      AddRow(&other_embeddings_[tokens[t].position * hidden], hidden, out);
    }
  });
  if (!embedding_norm_.weight.empty()) linear_.Normalize(embedding_norm_, x, num_tokens, x);
}

std::span<const float> Transformer::Logits(std::span<const int> indices) {
  if (indices.empty()) return {};
  const size_t hidden = architecture_.hidden_size;
  const int count = static_cast<int>(indices.size());
  const float* x = x_.Get(0);                       // As Run left it.
  float* gathered = gathered_.Get(count * hidden);  // [indices, hidden]
  for (int i = 0; i < count; ++i) {
    std::memcpy(gathered + i * hidden, x + indices[i] * hidden, hidden * sizeof(float));
  }
  if (const auto* head = std::get_if<LanguageModelHead>(&architecture_.head)) {
    const Linear& linear = head->tied ? packed_embedding_ : head_;
    const size_t size = static_cast<size_t>(count) * architecture_.vocab_size;
    float* logits = logits_.Get(size);
    linear_.ApplyNormed(final_norm_, linear, gathered, count, logits);
    return {logits, size};
  }
  const auto& head = std::get<ClassificationHead>(architecture_.head);
  float* pooled = pooled_.Get(count * hidden);  // [indices, hidden]
  linear_.Apply(pooler_, gathered, count, pooled, head.activation);
  const size_t size = count * head.labels.size();
  float* logits = logits_.Get(size);
  linear_.Apply(head_, pooled, count, logits);
  return {logits, size};
}

}  // namespace chorus::runner
