#include "runner_server/weights/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace chorus::runner {
namespace {

// Every 16-bit pattern, one byte off any alignment.
std::vector<float> ConvertAllPatterns(DType dtype) {
  std::string bytes = "?";
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    bytes.push_back(static_cast<char>(bits & 0xFF));
    bytes.push_back(static_cast<char>(bits >> 8));
  }
  std::vector<float> out(0x10000);
  ConvertToFloat(dtype, std::string_view(bytes).substr(1), 0, out.size(), out.data());
  return out;
}

// By the definition of IEEE 754 binary16.
double HalfValue(uint32_t bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31);
  const int mantissa = static_cast<int>(bits & 1023);
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31) return mantissa != 0 ? std::nan("") : sign * INFINITY;
  return exponent == 0 ? sign * std::ldexp(mantissa, -24)
                       : sign * std::ldexp(1024 + mantissa, exponent - 25);
}

TEST(ConvertToFloatTest, IsExactForEveryHalf) {
  const std::vector<float> values = ConvertAllPatterns(DType::kF16);
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const double expected = HalfValue(bits);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(values[bits])) << bits;
    } else {
      ASSERT_EQ(values[bits], expected) << bits;
      ASSERT_EQ(std::signbit(values[bits]), bits >= 0x8000) << bits;
    }
  }
}

TEST(ConvertToFloatTest, IsExactForEveryBrainFloat) {
  const std::vector<float> values = ConvertAllPatterns(DType::kBF16);
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    ASSERT_EQ(std::bit_cast<uint32_t>(values[bits]), bits << 16);
  }
}

TEST(ConvertToFloatTest, ReadsARangeOfAnUnalignedTensor) {
  const std::vector<float> values = {1.5f, -2.25f, 3e30f, 4.0f};
  std::string bytes(1 + sizeof(float) * values.size(), '?');
  std::memcpy(bytes.data() + 1, values.data(), sizeof(float) * values.size());
  std::vector<float> out(2);
  ConvertToFloat(DType::kF32, std::string_view(bytes).substr(1), 1, 2, out.data());
  EXPECT_THAT(out, testing::ElementsAre(-2.25f, 3e30f));
}

TEST(IsConvertibleTest, HoldsForTheThreeFloatTypes) {
  EXPECT_TRUE(IsConvertible(DType::kF32));
  EXPECT_TRUE(IsConvertible(DType::kF16));
  EXPECT_TRUE(IsConvertible(DType::kBF16));
  EXPECT_FALSE(IsConvertible(DType::kF64));
  EXPECT_FALSE(IsConvertible(DType::kI64));
}

}  // namespace
}  // namespace chorus::runner
