#pragma once

// Reference implementations of the kernels in double precision, for tests.

#include "runner_server/kernels/attention.h"
#include "runner_server/kernels/gemm.h"
#include "runner_server/kernels/norm.h"
#include "runner_server/kernels/precision.h"
#include "runner_server/kernels/rotary.h"

namespace chorus::runner {

double ReferenceActivation(Activation activation, double x);
void ReferenceGemm(Precision precision, const GemmArgs& args);
void ReferenceLayerNorm(const NormArgs& args);
void ReferenceRmsNorm(const NormArgs& args);
void ReferenceRotary(const RotaryArgs& args);
void ReferenceAttention(const AttentionArgs& args);  // Does not use args.scratch.

}  // namespace chorus::runner
