#pragma once

// C = residual + activation(A B + bias), B packed in panels of 64 columns.
//
// Layout of B: [ceil(N / 64)][K][64], the columns past N zero. A panel is read straight through, so
// a product of few rows runs at the speed of memory.
//
// Batch invariance: every element of C is one chain of fused multiply-adds over k = 0 ... K-1,
// whatever M is and wherever the row lies; a row's result is the same to the bit in any company.

#include <cstddef>

#include "runner_server/kernels/activation.h"

namespace chorus {

inline constexpr int kPanelColumns = 64;
inline constexpr int kGemmBlockRows = 96;  // Rows of one work item.

struct GemmArgs {
  const float* a = nullptr;  // [m, k]
  ptrdiff_t a_stride = 0;    // Elements from row to row, >= k.
  const float* panels = nullptr;
  int m = 0;
  int n = 0;
  int k = 0;
  const float* bias = nullptr;  // [n]; null for none.
  Activation activation = Activation::kNone;
  const float* residual = nullptr;  // [m, n] with c's stride, may be c itself; null for none.
  float* c = nullptr;               // [m, n]
  ptrdiff_t c_stride = 0;           // Elements from row to row, >= n.
};

// Work is dealt out in items, one panel by up to kGemmBlockRows rows; items of a panel are
// neighbours.
// (Inlined even without optimisation: the kernels' files may not define it for others;
// simd_avx512.h.)
[[gnu::always_inline]] inline int GemmRowBlocks(int m) {
  return (m + kGemmBlockRows - 1) / kGemmBlockRows;
}
inline int GemmPanels(int n) { return (n + kPanelColumns - 1) / kPanelColumns; }
inline int GemmItems(int m, int n) { return GemmPanels(n) * GemmRowBlocks(m); }

}  // namespace chorus
