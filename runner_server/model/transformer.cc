#include "runner_server/model/transformer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {
namespace {

// a += b.
void AddRow(const float* b, size_t n, float* a) {
  for (size_t i = 0; i < n; ++i) a[i] += b[i];
}

}  // namespace

absl::Status CheckImplemented(const Architecture& architecture) {
  const WeightNames& names = architecture.names;
  for (const auto& [is_asked_for, what] : std::initializer_list<std::pair<bool, std::string_view>>{
           {names.transposed_in_layers && (names.qkv.size() != 1 || names.qkv_by_head),
            "transposed query, key and value weights in several tensors"},
           {names.transposed_in_layers && architecture.gated_mlp,
            "a gated MLP with transposed weights"},
           {names.qkv_by_head && architecture.num_kv_heads != architecture.num_heads,
            "fewer key and value heads than heads in one tensor, head by head"}}) {
    if (is_asked_for) {
      return absl::InvalidArgumentError(absl::StrCat("Chorus does not implement ", AbslView(what)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Transformer>> Transformer::Load(const Architecture& architecture,
                                                               const WeightSource& weights,
                                                               Precision precision,
                                                               int num_threads) {
  std::unique_ptr<Transformer> transformer(new Transformer(architecture, precision, num_threads));
  ASSIGN_OR_RETURN(transformer->weights_,
                   TransformerWeights::Read(architecture, weights, precision, transformer->pool()));
  return transformer;
}

void Transformer::Run(std::span<const Token> tokens, Attend attend) {
  const Architecture& a = architecture_;
  const size_t size = tokens.size();
  const int num_tokens = static_cast<int>(size);
  float* x = x_.Get(size * a.hidden_size);         // [tokens, hidden], the residual stream.
  float* qkv = qkv_.Get(size * a.qkv_size());      // [tokens, q | k | v]
  float* mixed = mixed_.Get(size * a.q_size());    // [tokens, q]
  float* inner = inner_.Get(size * a.inner_size);  // [tokens, inner]
  const auto begin_mlp = [&](const LayerWeights& weights) {
    linear_.ApplyNormed(weights.mlp_norms.before, weights.inner, x, num_tokens, inner,
                        a.activation);
  };

  Embed(tokens, x);
  FindAngles(tokens);
  for (int i = 0; i < a.num_layers; ++i) {
    const LayerWeights& weights = layer(i);
    linear_.ApplyNormed(weights.attention_norms.before, weights.qkv, x, num_tokens, qkv);
    if (a.parallel_sublayers) begin_mlp(weights);
    PrepareHeads(i, num_tokens, qkv);
    attend(i, qkv, mixed);
    EndSublayer(weights.attention_norms, weights.attention_out, mixed, num_tokens, x);
    if (!a.parallel_sublayers) begin_mlp(weights);
    EndSublayer(weights.mlp_norms, weights.outer, inner, num_tokens, x);
  }
}

void Transformer::EndSublayer(const SublayerNorms& norms, const Linear& linear, const float* in,
                              int num_tokens, float* x) {
  if (norms.output.empty()) {
    linear_.Apply(linear, in, num_tokens, x, Activation::kNone, x);
  } else {
    float* out = sublayer_.Get(static_cast<size_t>(num_tokens) * architecture_.hidden_size);
    linear_.Apply(linear, in, num_tokens, out);
    linear_.AddNormalized(norms.output, out, num_tokens, x);
  }
  if (!norms.sum.empty()) linear_.Normalize(norms.sum, x, num_tokens, x);
}

void Transformer::Embed(std::span<const Token> tokens, float* x) {
  const Architecture& a = architecture_;
  const int num_tokens = static_cast<int>(tokens.size());
  const size_t hidden = a.hidden_size;
  if (weights_.embedding_projection.out() == 0) return EmbedTokens(tokens, x);
  float* embedded = embedded_.Get(tokens.size() * a.embedding_width());  // [tokens, embedding]
  EmbedTokens(tokens, embedded);
  linear_.Apply(weights_.embedding_projection, embedded, num_tokens, x);
  if (!a.adds_positions_to_projected) return;
  for (int t = 0; t < num_tokens; ++t) {
    AddRow(&weights_.positions[tokens[t].position * hidden], hidden, x + t * hidden);
  }
}

void Transformer::EmbedTokens(std::span<const Token> tokens, float* x) {
  const Architecture& a = architecture_;
  const size_t width = a.embedding_width();
  const int num_tokens = static_cast<int>(tokens.size());
  const bool has_positions = !weights_.positions.empty() && !a.adds_positions_to_projected;
  pool().Run(num_tokens, [&](int, int begin, int end) {
    for (int t = begin; t < end; ++t) {
      const Token& token = tokens[t];
      float* out = x + t * width;
      if (a.generates()) {
        weights_.packed_embedding.weight.CopyRow(token.id, out);
      } else {
        std::memcpy(out, &weights_.token_embedding[token.id * width], width * sizeof(float));
      }
      if (a.embedding_scale != 1) {
        for (size_t i = 0; i < width; ++i) out[i] *= a.embedding_scale;
      }
      if (!has_positions) continue;
      const float* position = &weights_.positions[token.position * width];
      if (weights_.token_types.empty()) {
        AddRow(position, width, out);
      } else {
        const float* type = &weights_.token_types[token.type * width];
        for (size_t i = 0; i < width; ++i) out[i] += position[i] + type[i];
      }
    }
  });
  if (!weights_.embedding_norm.empty()) {
    linear_.Normalize(weights_.embedding_norm, x, num_tokens, x);
  }
}

void Transformer::FindAngles(std::span<const Token> tokens) {
  for (size_t r = 0; r < architecture_.rotaries.size(); ++r) {
    const RotaryPositions& rotary = architecture_.rotaries[r];
    const size_t half = rotary.frequencies.size();
    float* angles = angles_[r].Get(tokens.size() * 2 * half);
    pool().Run(static_cast<int>(tokens.size()), [&](int, int begin, int end) {
      for (int t = begin; t < end; ++t) {
        float* cosines = angles + t * 2 * half;
        for (size_t i = 0; i < half; ++i) {
          const float angle = static_cast<float>(tokens[t].position) * rotary.frequencies[i];
          cosines[i] = std::cos(angle) * rotary.scale;
          cosines[half + i] = std::sin(angle) * rotary.scale;
        }
      }
    });
  }
}

void Transformer::PrepareHeads(int index, int num_tokens, float* qkv) {
  const Architecture& a = architecture_;
  const LayerWeights& weights = layer(index);
  const int rotary = a.attention[index].rotary;
  if (rotary < 0 && weights.q_norm.empty()) return;
  const size_t half = rotary < 0 ? 0 : a.rotaries[rotary].frequencies.size();
  const float* angles = rotary < 0 ? nullptr : angles_[rotary].Get(0);
  const int num_turned = a.num_heads + a.num_kv_heads;  // Queries, and keys behind them.
  const KernelTable& kernels = Kernels();
  pool().Run(num_tokens, [&](int, int begin, int end) {
    for (int t = begin; t < end; ++t) {
      float* heads = qkv + static_cast<size_t>(t) * a.qkv_size();
      if (!weights.q_norm.empty()) {
        for (int h = 0; h < num_turned; ++h) {
          float* head = heads + static_cast<ptrdiff_t>(h) * a.head_size;
          (h < a.num_heads ? weights.q_norm : weights.k_norm).Apply(head, head);
        }
      }
      if (rotary < 0) continue;
      kernels.rotary({.heads = heads,
                      .num_heads = num_turned,
                      .head_size = a.head_size,
                      .half = static_cast<int>(half),
                      .cosines = angles + t * 2 * half,
                      .sines = angles + (t * 2 + 1) * half});
    }
  });
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
  return NextTokenLogits(std::get<LanguageModelHead>(architecture_.head), gathered, count);
}

std::span<const float> Transformer::NextTokenLogits(const LanguageModelHead& head, float* x,
                                                    int count) {
  const Linear& linear = head.tied ? weights_.packed_embedding : weights_.head;
  const size_t size = static_cast<size_t>(count) * architecture_.vocab_size;
  float* logits = logits_.Get(size);
  if (weights_.head_projection.out() == 0) {
    linear_.ApplyNormed(weights_.final_norm, linear, x, count, logits);
  } else {
    float* projected = pooled_.Get(static_cast<size_t>(count) * architecture_.embedding_width());
    linear_.ApplyNormed(weights_.final_norm, weights_.head_projection, x, count, projected);
    linear_.Apply(linear, projected, count, logits);
  }
  if (head.logit_soft_cap > 0) {
    constexpr size_t kChunk = 4096;
    pool().Run(static_cast<int>((size + kChunk - 1) / kChunk), [&](int, int begin, int end) {
      const size_t first = begin * kChunk, last = std::min(size, end * kChunk);
      Kernels().soft_cap(head.logit_soft_cap, logits + first, static_cast<int>(last - first));
    });
  }
  return {logits, size};
}

std::span<const float> Transformer::Values(std::span<const int> begins,
                                           std::span<const int> unpooled) {
  const float* x = x_.Get(0);  // As Run left it.
  if (!weights_.final_norm.empty()) {
    float* normed = sublayer_.Get(static_cast<size_t>(begins.back()) * architecture_.hidden_size);
    linear_.Normalize(weights_.final_norm, x, begins.back(), normed);
    x = normed;
  }
  return weights_.encoder_head.Apply(architecture_, linear_, x, begins, unpooled);
}

}  // namespace chorus::runner
