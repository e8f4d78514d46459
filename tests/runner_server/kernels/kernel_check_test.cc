#include "runner_server/kernels/kernel_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runner_server/kernels/kernel_test.h"

namespace chorus::runner {
namespace {

class KernelCheckTest : public KernelTest {};

TEST_P(KernelCheckTest, FindsEverySetRight) {
  EXPECT_TRUE(MultipliesAs(kPortableKernels, kernels()));
}

CHORUS_FOR_ALL_KERNELS(KernelCheckTest);

template <Precision kPrecision>
void Multiply(const GemmArgs& args, int first_item, int last_item) {
  kPortableKernels.gemm[static_cast<int>(kPrecision)](args, first_item, last_item);
}

// The portable set with another product in one precision.
KernelTable WithGemm(Precision precision, void (*gemm)(const GemmArgs&, int, int)) {
  KernelTable kernels = kPortableKernels;
  kernels.gemm[static_cast<int>(precision)] = gemm;
  return kernels;
}

TEST(WrongKernelsTest, OneUnitInInt8IsFound) {
  const KernelTable wrong =
      WithGemm(Precision::kInt8, [](const GemmArgs& args, int first_item, int last_item) {
        Multiply<Precision::kInt8>(args, first_item, last_item);
        if (args.m == 33) args.c[32 * args.c_stride] += args.column_scales[0];
      });
  EXPECT_FALSE(MultipliesAs(kPortableKernels, wrong));
}

TEST(WrongKernelsTest, AWrongTailInBfloat16IsFound) {
  const KernelTable wrong =
      WithGemm(Precision::kBfloat16, [](const GemmArgs& args, int first_item, int last_item) {
        Multiply<Precision::kBfloat16>(args, first_item, last_item);
        if (args.k % 32 != 0) {
          for (int row = 0; row < args.m; ++row) args.c[row * args.c_stride] += 0.05f;
        }
      });
  EXPECT_FALSE(MultipliesAs(kPortableKernels, wrong));
}

TEST(WrongKernelsTest, OtherBitsForFewRowsInBfloat16AreFound) {
  const KernelTable wrong =
      WithGemm(Precision::kBfloat16, [](const GemmArgs& args, int first_item, int last_item) {
        Multiply<Precision::kBfloat16>(args, first_item, last_item);
        if (args.m < 16) args.c[0] *= 1 + 1e-6f;
      });
  EXPECT_FALSE(MultipliesAs(kPortableKernels, wrong));
}

}  // namespace
}  // namespace chorus::runner
