#include "base/replace_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace chorus {
namespace {

using ::testing::HasSubstr;

TEST(ReplaceFile, ReplacesTheFileWhole) {
  const std::filesystem::path path = std::filesystem::path(::testing::TempDir()) / "ports";
  ASSERT_TRUE(ReplaceFile(path, "grpc=a much longer text than the second\n").ok());
  ASSERT_TRUE(ReplaceFile(path, "grpc=127.0.0.1:5\n").ok());
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "grpc=127.0.0.1:5\n");
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".tmp"));
}

TEST(ReplaceFile, SaysWhatItCannotWrite) {
  const absl::Status status = ReplaceFile("/nowhere/at/all/ports", "");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot write /nowhere/at/all/ports.tmp"));
}

}  // namespace
}  // namespace chorus
