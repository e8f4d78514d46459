#pragma once

// What an encoder makes of its last hidden states: one vector of each row's tokens, and of that the
// logits of a classifier or the numbers of an embedder. Its linear layers are fp32 in every
// precision; they are cheap.
//
// Thread safety: none; its own threads run only inside Apply.

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/kernels/linear.h"
#include "runner_server/model/architecture.h"
#include "runner_server/model/scratch.h"
#include "runner_server/model/weight_source.h"

namespace chorus::runner {

class EncoderHead {
 public:
  // RESOURCE_EXHAUSTED without memory.
  static absl::StatusOr<EncoderHead> Read(const Architecture& architecture,
                                          const WeightSource& source, ThreadPool& pool);

  // `x` is [tokens, hidden]; row i is its tokens from begins[i] to before begins[i + 1], so that
  // there is one more begin than rows. A mean leaves out the first unpooled[i] of them; of no
  // tokens it is 0. Returns [rows, architecture.num_values()], valid until the next call.
  std::span<const float> Apply(const Architecture& architecture, LinearContext& linear,
                               const float* x, std::span<const int> begins,
                               std::span<const int> unpooled);

 private:
  struct Dense {
    Linear linear;
    Activation activation;
    bool adds_input;
    Linear residual;  // What the input goes through before it is added; empty: nothing.
    Scratch out, projected;
  };

  Linear pooler_;  // Empty: none.
  Norm pooler_norm_;
  Linear scores_;             // Of a classifier.
  std::vector<Dense> dense_;  // Of an embedder.
  Scratch gathered_, pooled_, values_;
};

}  // namespace chorus::runner
