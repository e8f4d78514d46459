#pragma once

#include "runner_server/kernels/layer_norm.h"

namespace chorus::runner {
namespace {

void LayerNorm(const LayerNormArgs& args) {
  const int n = args.n;
  Vec sum = Set1(0.0f);
  for (int i = 0; i < n; i += kLanes) {
    sum = Add(sum, LoadFirst(args.x + i, MinInt(kLanes, n - i)));
  }
  const Vec mean = Set1(ReduceAdd(sum) / static_cast<float>(n));

  Vec squares = Set1(0.0f);
  for (int i = 0; i < n; i += kLanes) {
    const int count = MinInt(kLanes, n - i);
    Vec distance = Sub(LoadFirst(args.x + i, count), mean);
    if (count < kLanes) distance = KeepFirst(distance, count, 0.0f);
    squares = Fma(distance, distance, squares);
  }
  const float variance = ReduceAdd(squares) / static_cast<float>(n);
  // One over an infinite one would be zero, and every element its bias: a number made of none.
  const Vec inverse = Set1(variance <= __FLT_MAX__ ? 1.0f / __builtin_sqrtf(variance + args.epsilon)
                                                   : __builtin_nanf(""));

  for (int i = 0; i < n; i += kLanes) {
    const int count = MinInt(kLanes, n - i);
    const Vec scaled = Mul(Sub(LoadFirst(args.x + i, count), mean), inverse);
    StoreFirst(args.out + i,
               Fma(scaled, LoadFirst(args.weight + i, count), LoadFirst(args.bias + i, count)),
               count);
  }
}

}  // namespace
}  // namespace chorus::runner
