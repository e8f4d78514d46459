#pragma once

// All kernels over the vectors of the simd_*.h that was included before, as a table.

#include "runner_server/kernels/activation_inl.h"
#include "runner_server/kernels/attention_inl.h"
#include "runner_server/kernels/gemm_inl.h"
#include "runner_server/kernels/norm_inl.h"
#include "runner_server/kernels/quantize_inl.h"
#include "runner_server/kernels/rotary_inl.h"

namespace chorus::runner {
namespace {

constexpr KernelTable MakeKernelTable(const char* name) {
  return {name,
          kAutoPrecision,
          kSaturatesPairs,
          {Gemm<Precision::kFloat32>, Gemm<Precision::kBfloat16>, Gemm<Precision::kInt8>,
           Gemm<Precision::kInt8WeightOnly>},
          ToBfloat16,
          Quantize,
          LayerNorm,
          RmsNorm,
          Rotary,
          Attention,
          StoreKv,
          Activate,
          SoftCap};
}

}  // namespace
}  // namespace chorus::runner
