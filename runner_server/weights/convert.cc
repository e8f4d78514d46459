#include "runner_server/weights/convert.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace chorus::runner {
namespace {

// Branch-free, so that the compiler makes vectors of it. The half's exponent and mantissa, moved to
// where fp32 has them, read as a number 2^112 times too small: one exact multiplication puts that
// right, subnormals included. Infinities and NaNs then lack only the top of their exponent.
inline float HalfToFloat(uint16_t half) {
  const uint32_t magnitude = static_cast<uint32_t>(half & 0x7FFF) << 13;
  const float scaled = std::bit_cast<float>(magnitude) * 0x1p112f;
  const uint32_t special = magnitude >= 0x0F800000u ? 0x7F800000u : 0u;
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(scaled) | special | sign);
}

}  // namespace

bool IsConvertible(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
}

void ConvertToFloat(DType dtype, std::string_view data, size_t first, size_t count, float* out) {
  if (count == 0) return;  // An empty tensor has no data to point to.
  const char* in = data.data() + first * DTypeSizeBytes(dtype);
  if (dtype == DType::kF32) {
    std::memcpy(out, in, count * sizeof(float));
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, in + 2 * i, sizeof(bits));
    out[i] = dtype == DType::kBF16 ? std::bit_cast<float>(static_cast<uint32_t>(bits) << 16)
                                   : HalfToFloat(bits);
  }
}

}  // namespace chorus::runner
