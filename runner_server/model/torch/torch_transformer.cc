#include "runner_server/model/torch/torch_transformer.h"

#include <limits>
#include <numbers>
#include <utility>
#include <variant>

namespace chorus::runner {
namespace {

at::Tensor Activate(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kTanh:
      return at::tanh(x);
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case Activation::kGeluErf:
      return at::gelu(x);
    case Activation::kGelu10:
      return at::clamp(at::gelu(x), -10, 10);
    case Activation::kQuickGelu:
      return x * at::sigmoid(1.702 * x);
    case Activation::kSilu:
      return at::silu(x);
    case Activation::kMish:
      return at::mish(x);
    case Activation::kRelu2:
      return at::square(at::relu(x));
    case Activation::kRelu6:
      return at::clamp(x, 0, 6);
    case Activation::kLeakyRelu:
      return at::leaky_relu(x);
    case Activation::kSigmoid:
      return at::sigmoid(x);
    case Activation::kLaplace:
      return (1 + at::erf((x - 0.707107) / (0.282095 * std::numbers::sqrt2))) / 2;
  }
  return x;
}

at::Tensor SoftCap(const at::Tensor& x, double cap) { return at::tanh(x / cap) * cap; }

at::Tensor Normed(const TorchNorm& norm, const at::Tensor& x) { return norm.empty() ? x : norm(x); }

}  // namespace

at::Tensor TorchAttention::Run() const {
  if (soft_cap == 0) {
    return at::scaled_dot_product_attention(
        q, k, v, mask.defined() ? std::optional(mask) : std::nullopt, /*dropout_p=*/0, causal,
        scale, /*enable_gqa=*/q.size(1) != k.size(1));
  }
  const int64_t sharing = q.size(1) / k.size(1);  // Heads that read the same keys.
  const at::Tensor keys = k.repeat_interleave(sharing, 1), values = v.repeat_interleave(sharing, 1);
  at::Tensor scores = SoftCap(at::matmul(q, keys.transpose(2, 3)).to(at::kFloat) * scale, soft_cap);
  const at::Tensor seen =
      causal ? at::ones({q.size(2), k.size(2)}, q.options().dtype(at::kBool)).tril() : mask;
  if (seen.defined()) scores.masked_fill_(~seen, -std::numeric_limits<float>::infinity());
  return at::matmul(at::softmax(scores, -1).to(v.scalar_type()), values);
}

at::Tensor TorchTransformer::Run(const TorchTokens& tokens, TorchAttend attend) const {
  const Architecture& a = architecture_;
  const int64_t num_tokens = tokens.ids.size(0);
  at::Tensor x = Embed(tokens);  // [tokens, hidden], the residual stream.
  const std::vector<Angles> angles = FindAngles(tokens.positions);
  for (int i = 0; i < a.num_layers; ++i) {
    const TorchLayer& weights = layer(i);
    const at::Tensor qkv = weights.qkv(Normed(weights.attention_norms.before, x))
                               .view({num_tokens, a.num_heads + 2 * a.num_kv_heads, a.head_size});
    at::Tensor inner;
    if (a.parallel_sublayers) inner = Inner(weights, x);
    const int rotary = a.attention[i].rotary;
    const Angles* turn = rotary < 0 ? nullptr : &angles[rotary];
    const at::Tensor q = PrepareHeads(qkv.narrow(1, 0, a.num_heads), weights.q_norm, turn);
    const at::Tensor k =
        PrepareHeads(qkv.narrow(1, a.num_heads, a.num_kv_heads), weights.k_norm, turn);
    const at::Tensor v = qkv.narrow(1, a.num_heads + a.num_kv_heads, a.num_kv_heads);
    x = EndSublayer(weights.attention_norms, x, weights.attention_out(attend(i, q, k, v)));
    if (!a.parallel_sublayers) inner = Inner(weights, x);
    x = EndSublayer(weights.mlp_norms, x, weights.outer(inner));
  }
  return x;
}

at::Tensor TorchTransformer::Inner(const TorchLayer& layer, const at::Tensor& x) const {
  const at::Tensor inner = layer.inner(Normed(layer.mlp_norms.before, x));
  if (!architecture_.gated_mlp) return Activate(architecture_.activation, inner);
  const std::vector<at::Tensor> halves = inner.chunk(2, -1);
  return Activate(architecture_.activation, halves[0]) * halves[1];
}

at::Tensor TorchTransformer::EndSublayer(const TorchSublayerNorms& norms, const at::Tensor& x,
                                         const at::Tensor& f) const {
  const at::Tensor sum =
      norms.output.empty() ? at::add(x, f) : at::add(x, norms.output(f.to(at::kFloat)));
  return Normed(norms.sum, sum);
}

at::Tensor TorchTransformer::Embed(const TorchTokens& tokens) const {
  const Architecture& a = architecture_;
  at::Tensor x = at::embedding(weights_.token_embedding, tokens.ids).to(at::kFloat);
  if (a.embedding_scale != 1) x = x * a.embedding_scale;
  at::Tensor positions;
  if (weights_.positions.defined()) positions = at::embedding(weights_.positions, tokens.positions);
  if (positions.defined() && !a.adds_positions_to_projected) x = x + positions;
  if (weights_.token_types.defined()) {
    x = x + (tokens.types.defined() ? at::embedding(weights_.token_types, tokens.types)
                                    : weights_.token_types[0]);
  }
  x = Normed(weights_.embedding_norm, x);
  if (!weights_.embedding_projection.empty()) {
    x = weights_.embedding_projection(x).to(at::kFloat);
    if (a.adds_positions_to_projected && positions.defined()) x = x + positions;
  }
  return x;
}

std::vector<TorchTransformer::Angles> TorchTransformer::FindAngles(
    const at::Tensor& positions) const {
  std::vector<Angles> all;
  for (size_t r = 0; r < architecture_.rotaries.size(); ++r) {
    const at::Tensor angles =
        positions.to(at::kFloat).view({-1, 1, 1}) * weights_.frequencies[r].view({1, 1, -1});
    const double scale = architecture_.rotaries[r].scale;
    all.push_back({.cosines = at::cos(angles) * scale, .sines = at::sin(angles) * scale});
  }
  return all;
}

at::Tensor TorchTransformer::PrepareHeads(const at::Tensor& heads, const TorchNorm& norm,
                                          const Angles* angles) const {
  if (norm.empty() && angles == nullptr) return heads;
  at::Tensor x = Normed(norm, heads.to(at::kFloat));
  if (angles != nullptr) {
    const int64_t half = angles->cosines.size(2);
    const at::Tensor first = x.narrow(2, 0, half), second = x.narrow(2, half, half);
    x = at::cat({first * angles->cosines - second * angles->sines,
                 second * angles->cosines + first * angles->sines,
                 x.narrow(2, 2 * half, x.size(2) - 2 * half)},
                2);
  }
  return x.to(dtype_);
}

at::Tensor TorchTransformer::Logits(const TorchTokens& tokens, const at::Tensor& wanted,
                                    TorchAttend attend) {
  at::Tensor x = Run(tokens, attend);
  if (wanted.defined()) x = x.index_select(0, wanted);
  return x.size(0) > 0 ? LogitsOf(x) : at::Tensor();
}

at::Tensor TorchTransformer::LogitsOf(const at::Tensor& x) const {
  const auto& head = std::get<LanguageModelHead>(architecture_.head);
  at::Tensor last = Normed(weights_.final_norm, x);
  if (!weights_.head_projection.empty()) last = weights_.head_projection(last);
  const at::Tensor& weight = weights_.head.weight;
  last = last.to(weight.scalar_type());
  at::Tensor logits = weight.scalar_type() == at::kFloat
                          ? at::mm(last, weight.t())
                          : at::mm(last, weight.t(), at::kFloat);  // With sums in fp32.
  if (weights_.head.bias.defined()) logits += weights_.head.bias;
  return head.logit_soft_cap > 0 ? SoftCap(logits, head.logit_soft_cap) : logits;
}

at::Tensor TorchTransformer::Values(const at::Tensor& x, std::span<const int> begins,
                                    std::span<const int> unpooled) const {
  const at::Tensor last = Normed(weights_.final_norm, x);
  const Head& head = architecture_.head;
  const bool is_mean = PoolingOf(head) == Pooling::kMean;
  std::vector<at::Tensor> rows;  // [hidden] each.
  for (size_t i = 0; i + 1 < begins.size(); ++i) {
    const int first = begins[i] + (is_mean ? unpooled[i] : 0);
    if (first >= begins[i + 1]) {  // All is left out.
      rows.push_back(at::zeros({last.size(1)}, last.options()));
    } else {
      rows.push_back(is_mean ? last.slice(0, first, begins[i + 1]).mean(0) : last[first]);
    }
  }
  at::Tensor values = at::stack(rows);
  if (!weights_.pooler.empty()) {
    values = Activate(PoolerActivationOf(head), weights_.pooler(values));
    values = Normed(weights_.pooler_norm, values);
  }
  const std::span<const DenseLayer> dense = DenseLayersOf(head);
  for (size_t i = 0; i < dense.size(); ++i) {
    const at::Tensor out = Activate(dense[i].activation, weights_.dense[i](values));
    const TorchLinear& residual = weights_.dense_residuals[i];
    if (!dense[i].adds_input) {
      values = out;
    } else {
      values = out + (residual.empty() ? values : residual(values));
    }
  }
  return weights_.scores.empty() ? values : weights_.scores(values);
}

}  // namespace chorus::runner
