#include "runner_server/model/bert.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "runner_server/kernels/kernel_table.h"

namespace chorus {
namespace {

// Position numbers that old checkpoints carry along, and the heads of pretraining.
const std::vector<std::string>& IgnoredTensors() {
  static const auto& ignored =
      *new std::vector<std::string>{"bert.embeddings.position_ids", "embeddings.position_ids",
                                    "cls.predictions.*", "cls.seq_relationship.*"};
  return ignored;
}

std::vector<WeightSpec> Specs(const BertConfig& config) {
  const uint64_t hidden = config.hidden_size;
  const uint64_t inner = config.inner_size;
  std::vector<WeightSpec> specs;
  const auto add = [&specs](const std::string& name, std::vector<uint64_t> shape) {
    specs.push_back({.name = name, .shape = std::move(shape)});
  };
  const auto add_linear = [&add](const std::string& name, uint64_t in, uint64_t out) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  };
  // The names of the original TensorFlow release are gamma and beta.
  const auto add_norm = [&specs, hidden](const std::string& name) {
    specs.push_back({.name = name + ".weight", .shape = {hidden}, .aliases = {name + ".gamma"}});
    specs.push_back({.name = name + ".bias", .shape = {hidden}, .aliases = {name + ".beta"}});
  };
  add("bert.embeddings.word_embeddings.weight", {static_cast<uint64_t>(config.vocab_size), hidden});
  add("bert.embeddings.position_embeddings.weight",
      {static_cast<uint64_t>(config.context_size), hidden});
  add("bert.embeddings.token_type_embeddings.weight",
      {static_cast<uint64_t>(config.num_token_types), hidden});
  add_norm("bert.embeddings.LayerNorm");
  for (int i = 0; i < config.num_layers; ++i) {
    const std::string layer = absl::StrCat("bert.encoder.layer.", i);
    for (const char* part : {"query", "key", "value"}) {
      add_linear(absl::StrCat(layer, ".attention.self.", part), hidden, hidden);
    }
    add_linear(layer + ".attention.output.dense", hidden, hidden);
    add_norm(layer + ".attention.output.LayerNorm");
    add_linear(layer + ".intermediate.dense", hidden, inner);
    add_linear(layer + ".output.dense", inner, hidden);
    add_norm(layer + ".output.LayerNorm");
  }
  add_linear("bert.pooler.dense", hidden, hidden);
  add_linear("classifier", hidden, config.labels.size());
  return specs;
}

bool HasClassifier(const SafetensorsFile& file) {
  return std::any_of(file.tensors().begin(), file.tensors().end(), [](const TensorInfo& tensor) {
    return tensor.name.starts_with("classifier.");
  });
}

// a += b.
void AddRow(const float* b, int n, float* a) {
  for (int i = 0; i < n; ++i) a[i] += b[i];
}

}  // namespace

absl::StatusOr<std::unique_ptr<Bert>> Bert::Create(const BertConfig& config,
                                                   const SafetensorsFile& file, Precision precision,
                                                   int num_threads) {
  if (!HasClassifier(file)) {
    return absl::FailedPreconditionError(absl::StrCat(
        file.path().string(),
        ": this BERT has no classification head (no tensor classifier.*), so it cannot score a "
        "text. Fine-tune it as a BertForSequenceClassification and save that, or give the "
        "directory of a model that has been, such as one trained on SST-2"));
  }
  ASSIGN_OR_RETURN(const WeightMap weights,
                   WeightMap::Create(file, Specs(config), IgnoredTensors()));
  std::unique_ptr<Bert> model(new Bert(config, precision, num_threads));
  RETURN_IF_ERROR(model->Load(weights, precision));
  model->scratch_.resize(num_threads);
  model->kv_.resize(num_threads);
  return model;
}

absl::Status Bert::Load(const WeightMap& weights, Precision precision) {
  ThreadPool& pool = linear_.pool();
  const int hidden = config_.hidden_size;
  const float epsilon = config_.layer_norm_epsilon;
  word_embedding_ = weights.at("bert.embeddings.word_embeddings.weight").ReadAll();
  position_embedding_ = weights.at("bert.embeddings.position_embeddings.weight").ReadAll();
  const std::vector<float> types =
      weights.at("bert.embeddings.token_type_embeddings.weight").ReadAll();
  for (int i = 0; i < config_.context_size; ++i) {
    AddRow(types.data(), hidden, &position_embedding_[static_cast<size_t>(i) * hidden]);
  }
  embedding_norm_ = ReadNorm(weights, "bert.embeddings.LayerNorm", epsilon);
  for (int i = 0; i < config_.num_layers; ++i) {
    const std::string name = absl::StrCat("bert.encoder.layer.", i);
    const std::string self = name + ".attention.self";
    const std::string attention_output = name + ".attention.output";
    Layer layer;
    ASSIGN_OR_RETURN(layer.qkv,
                     ReadFusedLinears(weights, {self + ".query", self + ".key", self + ".value"},
                                      precision, pool));
    ASSIGN_OR_RETURN(layer.attention_out,
                     ReadLinear(weights, attention_output + ".dense", precision, pool));
    layer.attention_norm = ReadNorm(weights, attention_output + ".LayerNorm", epsilon);
    ASSIGN_OR_RETURN(layer.inner,
                     ReadLinear(weights, name + ".intermediate.dense", precision, pool));
    ASSIGN_OR_RETURN(layer.outer, ReadLinear(weights, name + ".output.dense", precision, pool));
    layer.outer_norm = ReadNorm(weights, name + ".output.LayerNorm", epsilon);
    layers_.push_back(std::move(layer));
  }
  ASSIGN_OR_RETURN(pooler_, ReadLinear(weights, "bert.pooler.dense", Precision::kFloat32, pool));
  ASSIGN_OR_RETURN(classifier_, ReadLinear(weights, "classifier", Precision::kFloat32, pool));
  return weights.CheckValues();
}

std::span<const float> Bert::Forward(Rows rows) {
  first_tokens_.clear();
  int num_tokens = 0;
  for (const std::span<const int32_t> row : rows) {
    first_tokens_.push_back(num_tokens);
    num_tokens += static_cast<int>(row.size());
  }
  const size_t tokens = num_tokens;
  const size_t hidden = config_.hidden_size;
  float* x = x_.Get(tokens * hidden);                      // [tokens, hidden]
  float* qkv = qkv_.Get(tokens * 3 * hidden);              // [tokens, 3 * hidden]
  float* mixed = mixed_.Get(tokens * hidden);              // [tokens, hidden]
  float* inner = inner_.Get(tokens * config_.inner_size);  // [tokens, inner]

  Embed(rows, x);
  for (const Layer& layer : layers_) {
    linear_.Apply(layer.qkv, x, num_tokens, qkv);
    Attend(rows, qkv, mixed);
    linear_.Apply(layer.attention_out, mixed, num_tokens, x, Activation::kNone, x);
    linear_.Normalize(layer.attention_norm, x, num_tokens, x);
    linear_.Apply(layer.inner, x, num_tokens, inner, config_.activation);
    linear_.Apply(layer.outer, inner, num_tokens, x, Activation::kNone, x);
    linear_.Normalize(layer.outer_norm, x, num_tokens, x);
  }
  return Classify(rows, x);
}

void Bert::Embed(Rows rows, float* x) {
  const size_t hidden = config_.hidden_size;
  float* out = x;
  for (const std::span<const int32_t> row : rows) {
    for (size_t t = 0; t < row.size(); ++t, out += hidden) {
      std::memcpy(out, &word_embedding_[row[t] * hidden], hidden * sizeof(float));
      AddRow(&position_embedding_[t * hidden], config_.hidden_size, out);
    }
  }
  const int num_tokens = static_cast<int>((out - x) / static_cast<ptrdiff_t>(hidden));
  linear_.Normalize(embedding_norm_, x, num_tokens, x);
}

// Heads come outermost, so that an even share of the items is an even share of the work.
void Bert::Attend(Rows rows, const float* qkv, float* out) {
  const int num_rows = static_cast<int>(rows.size());
  const ptrdiff_t hidden = config_.hidden_size;
  const int size = config_.hidden_size / config_.num_heads;
  const KernelTable& kernels = Kernels();
  linear_.pool().Run(num_rows * config_.num_heads, [&](int thread, int begin, int end) {
    for (int item = begin; item < end; ++item) {
      const ptrdiff_t column = ptrdiff_t{item / num_rows} * size;  // The head's first.
      const ptrdiff_t first = first_tokens_[item % num_rows];
      const int num_tokens = static_cast<int>(rows[item % num_rows].size());
      const float* q = qkv + first * 3 * hidden + column;
      const ptrdiff_t key_bytes = KeyBlockBytes(kv_element_, size);
      const ptrdiff_t block_bytes = key_bytes + ValueBlockBytes(kv_element_, size);
      const size_t num_blocks = PaddedKeys(num_tokens) / kKeyBlock;
      char* blocks =
          reinterpret_cast<char*>(kv_[thread].Get(num_blocks * block_bytes / sizeof(float)));
      const float* token = q;
      for (int t = 0; t < num_tokens; ++t, token += 3 * hidden) {
        char* block = blocks + t / kKeyBlock * block_bytes;
        kernels.store_kv({.element = kv_element_,
                          .head_size = size,
                          .position = t,
                          .key = token + hidden,
                          .value = token + 2 * hidden,
                          .keys = block,
                          .values = block + key_bytes});
      }
      kernels.attention({.q = q,
                         .q_stride = 3 * hidden,
                         .num_queries = num_tokens,
                         .head_size = size,
                         .scale = 1.0f / std::sqrt(static_cast<float>(size)),
                         .element = kv_element_,
                         .keys = blocks,
                         .key_block_stride = block_bytes,
                         .values = blocks + key_bytes,
                         .value_block_stride = block_bytes,
                         .value_row_stride = ptrdiff_t{4} * PaddedHeadSize(size),
                         .num_keys = num_tokens,
                         .causal = false,
                         .scratch = scratch_[thread].Get(AttentionScratchSize(size, num_tokens)),
                         .out = out + first * hidden + column,
                         .out_stride = hidden});
    }
  });
}

std::span<const float> Bert::Classify(Rows rows, const float* x) {
  const int num_rows = static_cast<int>(rows.size());
  const size_t hidden = config_.hidden_size;
  float* first = first_.Get(rows.size() * hidden);    // [rows, hidden], the [CLS] tokens.
  float* pooled = pooled_.Get(rows.size() * hidden);  // [rows, hidden]
  for (size_t r = 0; r < rows.size(); ++r) {
    std::memcpy(first + r * hidden, x + first_tokens_[r] * hidden, hidden * sizeof(float));
  }
  linear_.Apply(pooler_, first, num_rows, pooled, Activation::kTanh);
  const size_t size = rows.size() * config_.labels.size();
  float* logits = logits_.Get(size);
  linear_.Apply(classifier_, pooled, num_rows, logits);
  return {logits, size};
}

}  // namespace chorus
