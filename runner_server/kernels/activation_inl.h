#pragma once

#include "runner_server/kernels/activation.h"

namespace chorus::runner {
namespace {

// None of these makes a number of what is not finite; where the function itself would, zero times x
// keeps it.

// tanh x = 1 - 2 / (e^2x + 1); absolute error below 2e-7.
CHORUS_SIMD_INLINE Vec Tanh(Vec x) {
  const Vec one = Set1(1.0f);
  const Vec y = Sub(one, Div(Set1(2.0f), Add(Exp(Add(x, x)), one)));
  return Fma(x, Set1(0.0f), y);
}

// x/2 (1 + tanh u) = x / (1 + e^-2u), without the cancellation of the left side.
CHORUS_SIMD_INLINE Vec GeluTanh(Vec x) {
  const Vec cubic = Fma(Mul(Mul(x, x), x), Set1(0.044715f), x);
  const Vec minus_2u = Mul(cubic, Set1(-1.59576912f));  // -2 sqrt(2/pi)
  return Div(x, Add(Set1(1.0f), Exp(minus_2u)));
}

// The normal distribution function. erfc z = t (a1 + t (a2 + ...)) e^(-z^2) with t = 1 / (1 + p z),
// z >= 0: Abramowitz and Stegun, 7.1.26, absolute error 1.5e-7.
CHORUS_SIMD_INLINE Vec NormalDistribution(Vec x) {
  const Vec magnitude = Max(x, Sub(Set1(0.0f), x));
  const Vec z = Mul(magnitude, Set1(0.707106781f));
  const Vec t = Div(Set1(1.0f), Fma(z, Set1(0.3275911f), Set1(1.0f)));
  Vec y = Set1(1.061405429f);
  y = Fma(y, t, Set1(-1.453152027f));
  y = Fma(y, t, Set1(1.421413741f));
  y = Fma(y, t, Set1(-0.284496736f));
  y = Fma(y, t, Set1(0.254829592f));
  const Vec half_erfc = Mul(Mul(Mul(y, t), Set1(0.5f)), Exp(Mul(z, Sub(Set1(0.0f), z))));
  return SelectNegative(x, half_erfc, Sub(Set1(1.0f), half_erfc));
}

CHORUS_SIMD_INLINE Vec GeluErf(Vec x) { return Mul(x, NormalDistribution(x)); }

CHORUS_SIMD_INLINE Vec Relu(Vec x) { return Max(x, Set1(0.0f)); }

// 1 / (1 + e^-x) times y.
CHORUS_SIMD_INLINE Vec Sigmoid(Vec x, Vec y) {
  return Div(y, Add(Set1(1.0f), Exp(Sub(Set1(0.0f), x))));
}

// tanh(ln(1 + e)) = ((1 + e)^2 - 1) / ((1 + e)^2 + 1), which is 1 long before e^20.
CHORUS_SIMD_INLINE Vec Mish(Vec x) {
  const Vec e = Exp(Min(x, Set1(20.0f)));
  const Vec square = Fma(e, e, Add(e, e));  // Less 1.
  return Mul(x, Div(square, Add(square, Set1(2.0f))));
}

CHORUS_SIMD_INLINE Vec Apply(Activation activation, Vec x) {
  const Vec zero = Set1(0.0f);
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return Fma(x, zero, Relu(x));
    case Activation::kTanh:
      return Tanh(x);
    case Activation::kGeluTanh:
      return GeluTanh(x);
    case Activation::kGeluErf:
      return GeluErf(x);
    case Activation::kGelu10:
      return Fma(x, zero, Min(GeluErf(x), Set1(10.0f)));
    case Activation::kQuickGelu:
      return Sigmoid(Mul(x, Set1(1.702f)), x);
    case Activation::kSilu:
      return Sigmoid(x, x);
    case Activation::kMish:
      return Mish(x);
    case Activation::kRelu2:
      return Fma(x, zero, Mul(Relu(x), Relu(x)));
    case Activation::kRelu6:
      return Fma(x, zero, Min(Relu(x), Set1(6.0f)));
    case Activation::kLeakyRelu:
      return Max(Mul(x, Set1(0.01f)), x);
    case Activation::kSigmoid:
      return Fma(x, zero, Sigmoid(x, Set1(1.0f)));
    case Activation::kLaplace:
      return Fma(x, zero, NormalDistribution(Mul(Sub(x, Set1(0.707107f)), Set1(1.0f / 0.282095f))));
  }
  return x;
}

void Activate(Activation activation, float* x, int n) {
  for (int i = 0; i < n; i += kLanes) {
    const int count = MinInt(kLanes, n - i);
    StoreFirst(x + i, Apply(activation, LoadFirst(x + i, count)), count);
  }
}

CHORUS_SIMD_INLINE Vec SoftCapped(Vec x, float cap) {
  return Mul(Set1(cap), Tanh(Mul(x, Set1(1.0f / cap))));
}

void SoftCap(float cap, float* x, int n) {
  for (int i = 0; i < n; i += kLanes) {
    const int count = MinInt(kLanes, n - i);
    StoreFirst(x + i, SoftCapped(LoadFirst(x + i, count), cap), count);
  }
}

}  // namespace
}  // namespace chorus::runner
