#include "runner_server/model/gpt2.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "runner_server/kernels/kernel_table.h"

namespace chorus {
namespace {

// Masks that old checkpoints carry along.
const std::vector<std::string>& IgnoredTensors() {
  static const auto& ignored =
      *new std::vector<std::string>{"transformer.h.#.attn.bias", "transformer.h.#.attn.masked_bias",
                                    "h.#.attn.bias", "h.#.attn.masked_bias"};
  return ignored;
}

// The tensors of GPT2LMHeadModel, named without "transformer.".
std::vector<WeightSpec> Specs(const Gpt2Config& config) {
  const uint64_t hidden = config.hidden_size;
  const uint64_t inner = config.inner_size;
  const uint64_t vocab = config.vocab_size;
  std::vector<WeightSpec> specs;
  const auto add = [&specs](const std::string& name, std::vector<uint64_t> shape) {
    specs.push_back({.name = name, .shape = std::move(shape), .aliases = {"transformer." + name}});
  };
  const auto add_conv1d = [&add](const std::string& name, uint64_t in, uint64_t out) {
    add(name + ".weight", {in, out});
    add(name + ".bias", {out});
  };
  const auto add_norm = [&add, hidden](const std::string& name) {
    add(name + ".weight", {hidden});
    add(name + ".bias", {hidden});
  };
  add("wte.weight", {vocab, hidden});
  add("wpe.weight", {static_cast<uint64_t>(config.context_size), hidden});
  for (int i = 0; i < config.num_layers; ++i) {
    const std::string layer = "h." + std::to_string(i);
    add_norm(layer + ".ln_1");
    add_conv1d(layer + ".attn.c_attn", hidden, 3 * hidden);
    add_conv1d(layer + ".attn.c_proj", hidden, hidden);
    add_norm(layer + ".ln_2");
    add_conv1d(layer + ".mlp.c_fc", hidden, inner);
    add_conv1d(layer + ".mlp.c_proj", inner, hidden);
  }
  add_norm("ln_f");
  // A tied head may be stored too; as in Hugging Face, the embedding is then what counts.
  specs.push_back(
      {.name = "lm_head.weight", .shape = {vocab, hidden}, .optional = config.tied_head});
  return specs;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Gpt2>> Gpt2::Create(const Gpt2Config& config,
                                                   const SafetensorsFile& file, Precision precision,
                                                   int num_threads, int num_kv_slots,
                                                   int64_t max_kv_bytes) {
  ASSIGN_OR_RETURN(const WeightMap weights,
                   WeightMap::Create(file, Specs(config), IgnoredTensors()));
  std::unique_ptr<Gpt2> model(new Gpt2(config, num_threads, num_kv_slots));
  RETURN_IF_ERROR(model->Load(weights, precision));
  ASSIGN_OR_RETURN(model->cache_, KvCache::Create({.num_slots = num_kv_slots,
                                                   .num_layers = config.num_layers,
                                                   .num_heads = config.num_heads,
                                                   .head_size = model->head_size(),
                                                   .context_size = config.context_size,
                                                   .element = KvElementOf(precision),
                                                   .max_bytes = max_kv_bytes}));
  model->scratch_.resize(num_threads);
  return model;
}

absl::Status Gpt2::Load(const WeightMap& weights, Precision precision) {
  ThreadPool& pool = linear_.pool();
  ASSIGN_OR_RETURN(token_embedding_.weight, ReadRows(weights.at("wte.weight"), precision, pool));
  position_embedding_ = weights.at("wpe.weight").ReadAll();
  const float epsilon = config_.layer_norm_epsilon;
  for (int i = 0; i < config_.num_layers; ++i) {
    const std::string name = "h." + std::to_string(i);
    Layer layer;
    layer.norm_1 = ReadNorm(weights, name + ".ln_1", epsilon);
    ASSIGN_OR_RETURN(layer.qkv, ReadConv1D(weights, name + ".attn.c_attn", precision, pool));
    ASSIGN_OR_RETURN(layer.attention_out,
                     ReadConv1D(weights, name + ".attn.c_proj", precision, pool));
    layer.norm_2 = ReadNorm(weights, name + ".ln_2", epsilon);
    ASSIGN_OR_RETURN(layer.inner, ReadConv1D(weights, name + ".mlp.c_fc", precision, pool));
    ASSIGN_OR_RETURN(layer.outer, ReadConv1D(weights, name + ".mlp.c_proj", precision, pool));
    layers_.push_back(std::move(layer));
  }
  final_norm_ = ReadNorm(weights, "ln_f", epsilon);
  if (!config_.tied_head) {
    ASSIGN_OR_RETURN(untied_head_.weight, ReadRows(weights.at("lm_head.weight"), precision, pool));
  }
  return weights.CheckValues();
}

std::span<const float> Gpt2::Forward(std::span<const Row> rows) {
  for (const Row& row : rows) {
    cache_.Reserve(row.slot, row.start + static_cast<int>(row.tokens.size()));
  }
  LayOut(rows);
  const size_t tokens = tokens_.size();
  const int num_tokens = static_cast<int>(tokens);
  const size_t hidden = config_.hidden_size;
  float* x = x_.Get(tokens * hidden);                      // [tokens, hidden], the residual stream.
  float* qkv = qkv_.Get(tokens * 3 * hidden);              // [tokens, 3 * hidden]
  float* mixed = mixed_.Get(tokens * hidden);              // [tokens, hidden]
  float* inner = inner_.Get(tokens * config_.inner_size);  // [tokens, inner]

  Embed(x);
  for (int i = 0; i < config_.num_layers; ++i) {
    const Layer& layer = layers_[i];
    linear_.ApplyNormed(layer.norm_1, layer.qkv, x, num_tokens, qkv);
    Attend(rows, i, qkv, mixed);
    linear_.Apply(layer.attention_out, mixed, num_tokens, x, Activation::kNone, x);
    linear_.ApplyNormed(layer.norm_2, layer.inner, x, num_tokens, inner, config_.activation);
    linear_.Apply(layer.outer, inner, num_tokens, x, Activation::kNone, x);
  }
  return Logits(rows, x);
}

void Gpt2::CopyPrefix(int from_slot, int to_slot, int num_tokens) {
  cache_.Reserve(to_slot, num_tokens);
  linear_.pool().Run(config_.num_layers, [&](int, int begin, int end) {
    for (int layer = begin; layer < end; ++layer) {
      cache_.CopyPrefix(from_slot, to_slot, layer, num_tokens);
    }
  });
}

void Gpt2::LayOut(std::span<const Row> rows) {
  tokens_.clear();
  first_tokens_.clear();
  for (const Row& row : rows) {
    first_tokens_.push_back(static_cast<int>(tokens_.size()));
    int position = row.start;
    for (const int32_t id : row.tokens) tokens_.push_back({id, position++});
  }
}

void Gpt2::Embed(float* x) {
  const size_t hidden = config_.hidden_size;
  linear_.pool().Run(static_cast<int>(tokens_.size()), [&](int, int begin, int end) {
    for (int t = begin; t < end; ++t) {
      float* out = x + t * hidden;
      token_embedding_.weight.CopyRow(tokens_[t].id, out);
      const float* position = &position_embedding_[tokens_[t].position * hidden];
      for (size_t i = 0; i < hidden; ++i) out[i] += position[i];
    }
  });
}

// Every (row, head) writes its keys and values and attends on its own. Heads come outermost, so
// that an even share of the items is an even share of the work, whatever the rows' lengths.
void Gpt2::Attend(std::span<const Row> rows, int layer, const float* qkv, float* out) {
  const int num_rows = static_cast<int>(rows.size());
  const ptrdiff_t hidden = config_.hidden_size;
  const ptrdiff_t size = head_size();
  const float scale = config_.scale_attention ? 1.0f / std::sqrt(static_cast<float>(size)) : 1.0f;
  const KernelTable& kernels = Kernels();
  linear_.pool().Run(num_rows * config_.num_heads, [&](int thread, int begin, int end) {
    for (int item = begin; item < end; ++item) {
      const int head = item / num_rows;
      const Row& row = rows[item % num_rows];
      const ptrdiff_t first = first_tokens_[item % num_rows];
      const int num_tokens = static_cast<int>(row.tokens.size());
      const float* q = qkv + first * 3 * hidden + head * size;
      const float* token = q;
      for (int t = 0; t < num_tokens; ++t, token += 3 * hidden) {
        cache_.Store(row.slot, layer, head, row.start + t, token + hidden, token + 2 * hidden);
      }
      AttentionArgs args = {.q = q,
                            .q_stride = 3 * hidden,
                            .num_queries = num_tokens,
                            .head_size = head_size(),
                            .scale = scale,
                            .num_keys = row.start + 1,
                            .causal = true,
                            .scratch = scratch_[thread].Get(
                                AttentionScratchSize(head_size(), row.start + num_tokens)),
                            .out = out + first * hidden + head * size,
                            .out_stride = hidden};
      cache_.Bind(row.slot, layer, head, args);
      kernels.attention(args);
    }
  });
}

std::span<const float> Gpt2::Logits(std::span<const Row> rows, const float* x) {
  const size_t hidden = config_.hidden_size;
  float* last = last_.Get(rows.size() * hidden);  // [rows with wants_logits, hidden]
  int count = 0;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (!rows[r].wants_logits) continue;
    const size_t token = first_tokens_[r] + rows[r].tokens.size() - 1;
    std::memcpy(last + count++ * hidden, x + token * hidden, hidden * sizeof(float));
  }
  if (count == 0) return {};
  const size_t size = static_cast<size_t>(count) * config_.vocab_size;
  float* logits = logits_.Get(size);
  linear_.ApplyNormed(final_norm_, head(), last, count, logits);
  return {logits, size};
}

}  // namespace chorus
