#include "model_store/hub/partial_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/base/temp_directory.h"

namespace chorus::store {
namespace {

using ::testing::HasSubstr;

// Of "hello world\n".
const HubFile kByGit{
    .name = "f", .size_bytes = 12, .git_sha1 = "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"};
const HubFile kBySha256{
    .name = "f",
    .size_bytes = 12,
    .sha256 = "a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447"};

class PartialFileTest : public ::testing::Test {
 protected:
  const TempDirectory temp_;
  const std::filesystem::path path_ = temp_ / "f";
};

TEST_F(PartialFileTest, GathersAFileOverSeveralLives) {
  for (const HubFile& file : {kByGit, kBySha256}) {
    std::filesystem::remove(path_);
    {
      const auto partial = PartialFile::Open(path_, file);
      ASSERT_TRUE(partial.ok()) << partial.status();
      EXPECT_EQ((*partial)->size_bytes(), 0);
      ASSERT_TRUE((*partial)->Append("hello").ok());
      ASSERT_TRUE((*partial)->Append(" ").ok());
    }
    const auto partial = PartialFile::Open(path_, file);
    ASSERT_TRUE(partial.ok()) << partial.status();
    EXPECT_EQ((*partial)->size_bytes(), 6);
    EXPECT_FALSE((*partial)->is_complete());
    ASSERT_TRUE((*partial)->Append("world\n").ok());
    EXPECT_TRUE((*partial)->is_complete());
    const auto finished = (*partial)->Finish();
    ASSERT_TRUE(finished.ok()) << finished.status();
    EXPECT_EQ(*finished, (ManifestFile{"f", 12, kBySha256.sha256}));
    EXPECT_EQ(GetFile(path_), "hello world\n");
  }
}

TEST_F(PartialFileTest, TellsAnotherContentAndBeginsAgain) {
  for (const HubFile& file : {kByGit, kBySha256}) {
    PutFile(path_, "HELLO");
    const auto partial = PartialFile::Open(path_, file);
    ASSERT_TRUE((*partial)->Append(" world\n").ok());
    const absl::Status status = (*partial)->Finish().status();
    EXPECT_TRUE(absl::IsDataLoss(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr("f is not what the hub lists"));
    ASSERT_TRUE((*partial)->Restart().ok());
    EXPECT_EQ((*partial)->size_bytes(), 0);
    ASSERT_TRUE((*partial)->Append("hello world\n").ok());
    EXPECT_TRUE((*partial)->Finish().ok());
  }
}

TEST_F(PartialFileTest, IsJudgedByWhatIsOnTheDisk) {
  for (const HubFile& file : {kByGit, kBySha256}) {
    const struct {
      const char* on_disk;
      const char* message;
    } kCases[] = {{"hello world\nhello world\n", "it has 24 bytes, not 12"},
                  {"hello", "it has 5 bytes, not 12"},
                  {"HELLO world\n", "is not what the hub lists: its "}};
    for (const auto& c : kCases) {
      const auto partial = PartialFile::Open(path_, file);
      ASSERT_TRUE((*partial)->Restart().ok());
      ASSERT_TRUE((*partial)->Append("hello world\n").ok());
      PutFile(path_, c.on_disk);
      const absl::Status status = (*partial)->Finish().status();
      EXPECT_TRUE(absl::IsDataLoss(status));
      EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
    }
  }
}

TEST_F(PartialFileTest, IsNeverLargerThanTheFile) {
  PutFile(path_, "much more than twelve bytes");
  const auto partial = PartialFile::Open(path_, kByGit);
  EXPECT_EQ((*partial)->size_bytes(), 0);
  ASSERT_TRUE((*partial)->Append("hello world").ok());
  EXPECT_TRUE(absl::IsDataLoss((*partial)->Append("\n\n")));
  EXPECT_EQ(GetFile(path_), "hello world");
}

TEST_F(PartialFileTest, SaysThatItCannotBeWritten) {
  EXPECT_TRUE(absl::IsNotFound(PartialFile::Open(temp_ / "absent/f", kByGit).status()));
  std::filesystem::create_symlink(temp_ / "elsewhere", path_);
  EXPECT_FALSE(PartialFile::Open(path_, kByGit).ok());
  EXPECT_FALSE(std::filesystem::exists(temp_ / "elsewhere"));
}

TEST_F(PartialFileTest, SaysThatTheDiskIsFull) {
  const auto partial = PartialFile::Open("/dev/full", kByGit);
  ASSERT_TRUE(partial.ok()) << partial.status();
  EXPECT_TRUE(absl::IsResourceExhausted((*partial)->Append("hello")));
}

}  // namespace
}  // namespace chorus::store
