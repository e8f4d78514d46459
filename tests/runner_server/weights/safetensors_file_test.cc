#include "runner_server/weights/safetensors_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "tests/runner_server/weights/safetensors_bytes.h"

namespace chorus::runner {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class SafetensorsFileTest : public testing::Test {
 protected:
  const std::string path_ = testing::TempDir() + "/safetensors_file_test.safetensors";
  ~SafetensorsFileTest() override { std::filesystem::remove(path_); }
};

TEST_F(SafetensorsFileTest, GivesEachTensorItsBytes) {
  const std::string json = R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                           R"("b":{"dtype":"U8","shape":[3],"data_offsets":[2,5]}})";
  WriteBytes(path_, LittleEndian(json.size()) + json + "hello");
  absl::StatusOr<SafetensorsFile> opened = SafetensorsFile::Open(path_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const SafetensorsFile file = *std::move(opened);  // The mapping moves along.
  ASSERT_EQ(file.tensors().size(), 2u);
  EXPECT_EQ(file.Data(file.tensors()[0]), "he");
  EXPECT_EQ(file.Data(file.tensors()[1]), "llo");
}

TEST_F(SafetensorsFileTest, StaysWholeWhenTheFileIsReplaced) {
  WriteBytes(path_,
             SafetensorsBytes(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1));
  const absl::StatusOr<SafetensorsFile> file = SafetensorsFile::Open(path_);
  ASSERT_TRUE(file.ok());
  WriteBytes(path_ + ".new", "x");
  std::filesystem::rename(path_ + ".new", path_);
  EXPECT_EQ(file->Data(file->tensors()[0]), "\x01");
  EXPECT_FALSE(SafetensorsFile::Open(path_).ok());
}

TEST_F(SafetensorsFileTest, SaysWhichFileAndWhatIsWrong) {
  const absl::Status missing = SafetensorsFile::Open(path_).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), StartsWith(path_));

  const absl::Status directory = SafetensorsFile::Open(testing::TempDir()).status();
  EXPECT_EQ(directory.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(directory.message()), HasSubstr("not a regular file"));

  WriteBytes(path_, "");
  const absl::Status empty = SafetensorsFile::Open(path_).status();
  EXPECT_EQ(empty.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(empty.message()), HasSubstr("is empty"));

  WriteBytes(path_, SafetensorsBytes("{}", 1));
  const absl::Status broken = SafetensorsFile::Open(path_).status();
  EXPECT_EQ(broken.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(broken.message()), StartsWith(path_ + ": not a sound safetensors file"));
}

}  // namespace
}  // namespace chorus::runner
