#pragma once

#include "runner_server/kernels/quantize.h"

namespace chorus::runner {
namespace {

void ToBfloat16(const float* x, int n, uint16_t* out) {
  for (int i = 0; i < n; i += kLanes) {
    const int count = MinInt(kLanes, n - i);
    if (count == kLanes) {
      StoreHalves(out + i, Bfloat16Lanes(Load(x + i)));
      continue;
    }
    uint16_t lanes[kLanes];
    StoreHalves(lanes, Bfloat16Lanes(LoadFirst(x + i, count)));
    for (int lane = 0; lane < count; ++lane) out[i + lane] = lanes[lane];
    if (count % 2 != 0) out[i + count] = 0;
  }
}

// The range always holds 0, so that zero is exact. A row whose range is too small to divide by
// becomes zeros.
RowQuantization Quantize(const float* x, int n, uint8_t* out) {
  const Vec nothing = Set1(0.0f);
  Vec low = nothing, high = nothing;
  Vec check = nothing;  // Zero times every value: NaN where one is not finite; Min and Max forget.
  for (int i = 0; i < n; i += kLanes) {
    const Vec value = LoadFirst(x + i, MinInt(kLanes, n - i));  // Zeros past the end do no harm.
    low = Min(low, value);
    high = Max(high, value);
    check = Fma(value, nothing, check);
  }
  const float min = -ReduceMax(Sub(nothing, low));
  const float range = ReduceMax(high) - min;
  const bool is_finite = ReduceAdd(check) == 0 && range <= __FLT_MAX__;
  if (!is_finite || !(range > 1e-30f)) {
    for (int i = 0; i < n; ++i) out[i] = 0;
    return {.scale = is_finite ? 1 : __builtin_nanf("")};
  }
  const Vec inverse = Set1(255.0f / range);
  int32_t lanes[kLanes];
  StoreInts(lanes, RoundToInts(Mul(Set1(-min), inverse)));
  const int32_t zero = lanes[0];
  const IntVec zeros = SetInts(zero);
  for (int i = 0; i < n; i += kLanes) {
    const int count = MinInt(kLanes, n - i);
    const IntVec q = AddInts(RoundToInts(Mul(LoadFirst(x + i, count), inverse)), zeros);
    StoreBytesFirst(out + i, q, count);
  }
  return {.scale = range / 255.0f, .zero = zero};
}

}  // namespace
}  // namespace chorus::runner
