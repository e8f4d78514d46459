#pragma once

// What makes logits of tokens, all but their attention: that is of who calls, TorchGenerator, which
// holds the past tokens. TorchTransformer is one, of an Architecture's parts, and CompiledDecoder,
// of native code.
//
// Tokens of all rows are concatenated without padding.
// Thread safety: none; libtorch's threads run only inside calls.

#include "absl/functional/function_ref.h"
#include "runner_server/model/architecture.h"
#include "runner_server/tensor/torch.h"

namespace chorus::runner {

// On the device, [tokens] each, int64.
struct TorchTokens {
  at::Tensor ids;        // Below vocab_size.
  at::Tensor positions;  // Below num_positions().
  at::Tensor types;      // Below num_token_types; undefined: all 0.
};

// Attention of all heads in a layer: `q` is [tokens, heads, head_size], `k` and `v` likewise of the
// heads of keys and values, in dtype(); positions are in them where they are rotary. Returns
// [tokens, q_size].
using TorchAttend = absl::FunctionRef<at::Tensor(int layer, const at::Tensor& q,
                                                 const at::Tensor& k, const at::Tensor& v)>;

class TorchDecoder {
 public:
  virtual ~TorchDecoder() = default;

  // Of which TorchGenerator reads sizes and attention.
  virtual const Architecture& architecture() const = 0;
  virtual at::ScalarType dtype() const = 0;
  virtual const at::Device& device() const = 0;

  // fp32, [wanted, vocab]: what comes after these of the tokens, [wanted], after all if `wanted` is
  // undefined. Undefined if none is wanted.
  virtual at::Tensor Logits(const TorchTokens& tokens, const at::Tensor& wanted,
                            TorchAttend attend) = 0;
};

}  // namespace chorus::runner
