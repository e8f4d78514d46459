#pragma once

#include "runner_server/kernels/rotary.h"

namespace chorus::runner {
namespace {

void Rotary(const RotaryArgs& args) {
  for (int i = 0; i < args.half; i += kLanes) {
    const int count = MinInt(kLanes, args.half - i);
    const Vec cosine = LoadFirst(args.cosines + i, count);
    const Vec sine = LoadFirst(args.sines + i, count);
    float* head = args.heads + i;
    for (int h = 0; h < args.num_heads; ++h, head += args.head_size) {
      const Vec first = LoadFirst(head, count), second = LoadFirst(head + args.half, count);
      StoreFirst(head, Sub(Mul(first, cosine), Mul(second, sine)), count);
      StoreFirst(head + args.half, Fma(second, cosine, Mul(first, sine)), count);
    }
  }
}

}  // namespace
}  // namespace chorus::runner
