#pragma once

#include "runner_server/kernels/norm.h"

namespace chorus::runner {
namespace {

// One over the root. That of an infinite mean would be zero, and every element its bias: a number
// made of none.
CHORUS_SIMD_INLINE Vec InverseRoot(float mean_of_squares, float epsilon) {
  return Set1(mean_of_squares <= __FLT_MAX__ ? 1.0f / __builtin_sqrtf(mean_of_squares + epsilon)
                                             : __builtin_nanf(""));
}

void LayerNorm(const NormArgs& args) {
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
  const Vec inverse = InverseRoot(ReduceAdd(squares) / static_cast<float>(n), args.epsilon);

  for (int i = 0; i < n; i += kLanes) {
    const int count = MinInt(kLanes, n - i);
    const Vec scaled = Mul(Sub(LoadFirst(args.x + i, count), mean), inverse);
    const Vec bias = args.bias == nullptr ? Set1(0.0f) : LoadFirst(args.bias + i, count);
    StoreFirst(args.out + i, Fma(scaled, LoadFirst(args.weight + i, count), bias), count);
  }
}

void RmsNorm(const NormArgs& args) {
  const int n = args.n;
  Vec squares = Set1(0.0f);
  for (int i = 0; i < n; i += kLanes) {
    const Vec x = LoadFirst(args.x + i, MinInt(kLanes, n - i));
    squares = Fma(x, x, squares);
  }
  const Vec inverse = InverseRoot(ReduceAdd(squares) / static_cast<float>(n), args.epsilon);
  for (int i = 0; i < n; i += kLanes) {
    const int count = MinInt(kLanes, n - i);
    const Vec scaled = Mul(LoadFirst(args.x + i, count), inverse);
    StoreFirst(args.out + i, Mul(scaled, LoadFirst(args.weight + i, count)), count);
  }
}

}  // namespace
}  // namespace chorus::runner
