#pragma once

// The precision of weights and of the activations they multiply. Everything between linear layers
// (residual stream, norms, softmax, logits) is fp32, except keys and values: bf16 in all but
// kFloat32 (KvElementOf).

#include <cstddef>
#include <cstdint>

namespace chorus::runner {

enum class Precision : uint8_t {
  kFloat32,
  kBfloat16,        // Weights and activations in bf16; sums in fp32.
  kInt8,            // Weights in int8, a scale a column; activations in 8 bits, a scale a row.
  kInt8WeightOnly,  // The same weights, fp32 activations: more accurate, slower from 8 rows on.
  kFloat16,         // Of libtorch's executor alone: the kernels do not have it.
};

// Those of the kernels.
inline constexpr int kNumPrecisions = 4;
inline constexpr Precision kPrecisions[kNumPrecisions] = {
    Precision::kFloat32, Precision::kBfloat16, Precision::kInt8, Precision::kInt8WeightOnly};

// A weight's bytes.
inline constexpr size_t WeightBytes(Precision precision) {
  return precision == Precision::kFloat32 ? 4 : precision == Precision::kBfloat16 ? 2 : 1;
}
// Rows of K in one 32-bit lane of a panel.
inline constexpr int WeightsPerLane(Precision precision) {
  return static_cast<int>(4 / WeightBytes(precision));
}

// The largest fp32 weight that stays finite in this precision.
inline constexpr float LargestWeight(Precision precision) {
  return precision == Precision::kBfloat16 ? 0x1.fefffep127f : 0x1.fffffep127f;
}

// bf16 is the upper half of an fp32.
inline float Bfloat16ToFloat(uint16_t x) {
  const uint32_t bits = uint32_t{x} << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof(value));
  return value;
}
// To nearest, ties to even; NaN stays NaN.
inline uint16_t FloatToBfloat16(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof(bits));
  if ((bits & 0x7FFFFFFF) > 0x7F800000) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

}  // namespace chorus::runner
