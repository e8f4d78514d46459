#include "runner_server/weights/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "tests/runner_server/weights/safetensors_bytes.h"

namespace chorus::runner {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class MappedFileTest : public testing::Test {
 protected:
  const std::string path_ = testing::TempDir() + "/mapped_file_test.bin";
  ~MappedFileTest() override { std::filesystem::remove(path_); }
};

TEST_F(MappedFileTest, HasTheBytesWhereverItIsMoved) {
  WriteBytes(path_, "hello");
  absl::StatusOr<MappedFile> opened = MappedFile::Open(path_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const MappedFile file = *std::move(opened);
  EXPECT_EQ(file.bytes(), "hello");
}

TEST_F(MappedFileTest, StaysWholeWhenTheFileIsReplaced) {
  WriteBytes(path_, "before");
  const absl::StatusOr<MappedFile> file = MappedFile::Open(path_);
  ASSERT_TRUE(file.ok());
  WriteBytes(path_ + ".new", "x");
  std::filesystem::rename(path_ + ".new", path_);
  EXPECT_EQ(file->bytes(), "before");
  EXPECT_EQ(MappedFile::Open(path_)->bytes(), "x");
}

TEST_F(MappedFileTest, SaysWhichFileAndWhatIsWrong) {
  const absl::Status missing = MappedFile::Open(path_).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), StartsWith(path_));

  const absl::Status directory = MappedFile::Open(testing::TempDir()).status();
  EXPECT_EQ(directory.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(directory.message()), HasSubstr("not a regular file"));

  WriteBytes(path_, "");
  const absl::Status empty = MappedFile::Open(path_).status();
  EXPECT_EQ(empty.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(empty.message()), HasSubstr("is empty"));
}

TEST_F(MappedFileTest, DoesNotWaitForTheWriterOfAPipe) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(std::string(MappedFile::Open(path_).status().message()),
              HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace chorus::runner
