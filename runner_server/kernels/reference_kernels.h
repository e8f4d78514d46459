#pragma once

// Reference implementations of the kernels in double precision, for tests.

#include "runner_server/kernels/attention.h"
#include "runner_server/kernels/gemm.h"
#include "runner_server/kernels/layer_norm.h"
#include "runner_server/kernels/precision.h"

namespace chorus::runner {

double ReferenceActivation(Activation activation, double x);
void ReferenceGemm(Precision precision, const GemmArgs& args);
void ReferenceLayerNorm(const LayerNormArgs& args);
void ReferenceAttention(const AttentionArgs& args);  // Does not use args.scratch.

}  // namespace chorus::runner
