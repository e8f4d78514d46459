#include "runner_server/model/dtype.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/dtypes.h"
#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {
namespace {

TEST(ParseDtype, ReadsEveryNameItGives) {
  for (const Precision precision : kPrecisions) {
    EXPECT_EQ(ParseDtype(DtypeName(precision)).value(), precision);
    EXPECT_THAT(kDtypes, testing::Contains(DtypeName(precision)));
  }
}

TEST(ParseDtype, AutoIsBfloat16WhereItIsFastest) {
  const std::string_view kernels = Kernels().name;
  const bool narrow = kernels.starts_with("avx") || kernels == "neon_bf16";
  EXPECT_EQ(ParseDtype("auto").value(), narrow ? Precision::kBfloat16 : Precision::kFloat32);
}

TEST(ParseDtype, ListsTheNamesItTakes) {
  for (const char* name : {"", "int4", "Float32"}) {
    const absl::Status status = ParseDtype(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(std::string(status.message()),
              "dtype must be one of auto, float32, bfloat16, int8, int8_weight_only, float16: " +
                  std::string(name));
  }
}

}  // namespace
}  // namespace chorus::runner
