#pragma once

// C = residual + activation(A B + bias), B packed in panels of 64 columns. A gated product has
// twice the columns of C, a panel holding 32 of the gate and the 32 that they gate: C =
// activation(A G + bias of G) * (A V + bias of V).
//
// Layout of B: [ceil(N / 64)][ceil(K / v)][64][v], where v = 1, 2, 4 elements of fp32, bf16, int8
// fill 32 bits; columns past N and rows past K are zero, and no int8 is -128. A panel is read
// sequentially, so a product of few rows runs at memory bandwidth.
//
// Batch invariance: every element of C is one chain of multiply-adds over k = 0 ... K-1, whatever M
// and the row's index, so a row's result does not depend on other rows, to the bit. On AMX bf16 has
// chains of another shape (gemm_amx_inl.h), for every M too. In int8 the sums are exact integers.

#include <cstddef>
#include <cstdint>

#include "runner_server/kernels/activation.h"
#include "runner_server/kernels/quantize.h"

namespace chorus::runner {

inline constexpr int kPanelColumns = 64;
inline constexpr int kGemmBlockRows = 96;  // Rows of one work item.

struct GemmArgs {
  // [m, k]: fp32 for kFloat32 and kInt8WeightOnly, bf16 for kBfloat16, unsigned bytes for kInt8.
  // Each row is readable up to a multiple of v, and finite there.
  const void* a = nullptr;
  ptrdiff_t a_stride = 0;                        // Elements from row to row.
  const RowQuantization* a_quantized = nullptr;  // [m]; kInt8 only.
  const void* panels = nullptr;
  const float* column_scales = nullptr;  // [panels * 64]; the int8 precisions only.
  const int32_t* column_sums = nullptr;  // [panels * 64], B's columns added up; kInt8 only.
  int m = 0;
  int n = 0;  // Even if gated; C has half as many columns then.
  int k = 0;
  const float* bias = nullptr;  // [n], by panels [panels * 64] if gated; null for none.
  Activation activation = Activation::kNone;
  bool gated = false;
  const float* residual = nullptr;  // [m, n] with c's stride, may be c itself; null for none and if
                                    // gated.
  float* c = nullptr;               // [m, n]
  ptrdiff_t c_stride = 0;           // Elements from row to row, >= n.
};

// Work is divided into items, one panel by up to kGemmBlockRows rows.
// (Inlined even without optimisation: the kernels' files may not define it for others;
// simd_avx512.h.)
[[gnu::always_inline]] inline int GemmRowBlocks(int m) {
  return (m + kGemmBlockRows - 1) / kGemmBlockRows;
}
inline int GemmPanels(int n) { return (n + kPanelColumns - 1) / kPanelColumns; }
inline int GemmItems(int m, int n) { return GemmPanels(n) * GemmRowBlocks(m); }

}  // namespace chorus::runner
