#include "base/read_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/stat.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/base/temp_directory.h"

namespace chorus {
namespace {

class ReadFileTest : public ::testing::TestWithParam<decltype(&ReadFile)> {
 protected:
  const TempDirectory temp_;
};

INSTANTIATE_TEST_SUITE_P(Each, ReadFileTest, ::testing::Values(ReadFile, ReadFileOrPipe));

TEST_P(ReadFileTest, ReadsUpToItsBound) {
  PutFile(temp_ / "file", "12345");
  EXPECT_EQ(*GetParam()(temp_ / "file", 5), "12345");
  const absl::Status status = GetParam()(temp_ / "file", 4).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message(), absl::StrCat((temp_ / "file").native(), ": larger than 4 bytes"));
}

TEST_P(ReadFileTest, ReadsAFileOfSeveralPieces) {
  const std::string contents = std::string(300'000, 'a') + "b";
  PutFile(temp_ / "file", contents);
  EXPECT_EQ(*GetParam()(temp_ / "file", 300'001), contents);
  EXPECT_TRUE(absl::IsInvalidArgument(GetParam()(temp_ / "file", 300'000).status()));
}

TEST_P(ReadFileTest, SaysWhatIsWrongWithThePath) {
  const absl::Status absent = GetParam()(temp_ / "absent", 5).status();
  EXPECT_TRUE(absl::IsNotFound(absent));
  EXPECT_EQ(absent.message(),
            absl::StrCat((temp_ / "absent").native(), ": No such file or directory"));
  const absl::Status folder = GetParam()(temp_.path(), 5).status();
  EXPECT_TRUE(absl::IsInvalidArgument(folder));
  EXPECT_EQ(folder.message(), absl::StrCat(temp_.path().native(), ": not a file"));
}

TEST(ReadFile, RefusesAPipeWithoutWaitingForIt) {
  const TempDirectory temp;
  ASSERT_EQ(mkfifo((temp / "fifo").c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsInvalidArgument(ReadFile(temp / "fifo", 5).status()));
}

TEST(ReadFileOrPipe, ReadsAPipeToItsEnd) {
  const TempDirectory temp;
  ASSERT_EQ(mkfifo((temp / "fifo").c_str(), 0600), 0);
  std::jthread writer([&] { PutFile(temp / "fifo", "12345"); });
  EXPECT_EQ(*ReadFileOrPipe(temp / "fifo", 5), "12345");
}

}  // namespace
}  // namespace chorus
