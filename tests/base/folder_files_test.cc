#include "base/folder_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "tests/base/temp_directory.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class FolderFilesTest : public ::testing::Test {
 protected:
  void PutModel(const std::string& folder) {
    PutFile(root_ / (folder + "/config.json"), "{}");
    PutFile(root_ / (folder + "/model.safetensors"), "weights");
    PutFile(root_ / (folder + "/1_Pooling/config.json"), "{}");
  }
  FolderFiles Look(const std::string& folder) { return LookAtFolder(root_ / folder); }

  TempDirectory root_;
};

TEST_F(FolderFilesTest, DiffersWhenAFileDoes) {
  PutModel("gpt2");
  FolderFiles before = Look("gpt2");
  const auto differs = [&] {
    const FolderFiles now = Look("gpt2");
    const bool differs = now != before;
    before = now;
    return differs;
  };
  const fs::path weights = root_ / "gpt2/model.safetensors";
  const fs::file_time_type written = fs::last_write_time(weights);
  PutFile(weights, "longer weights");
  fs::last_write_time(weights, written);
  EXPECT_TRUE(differs());
  fs::last_write_time(weights, written + std::chrono::nanoseconds(1));
  EXPECT_TRUE(differs());
  // Another file of the same size and date.
  PutFile(root_ / "other", "longer weighty");
  fs::last_write_time(root_ / "other", fs::last_write_time(weights));
  fs::rename(root_ / "other", weights);
  EXPECT_TRUE(differs());
  PutFile(root_ / "gpt2/1_Pooling/config.json", "{ }");
  EXPECT_TRUE(differs());
  fs::remove(root_ / "gpt2/1_Pooling/config.json");
  EXPECT_TRUE(differs());
  EXPECT_FALSE(differs());
}

TEST_F(FolderFilesTest, PassesOverWhatIsNotTheModels) {
  PutModel("gpt2");
  const FolderFiles before = Look("gpt2");
  PutFile(root_ / "gpt2/manifest.json", "{\"labels\": {\"stage\": \"live\"}}");
  PutFile(root_ / "gpt2/.cache/lock", "");
  fs::create_symlink("nowhere", root_ / "gpt2/gone");
  fs::create_directory_symlink(".", root_ / "gpt2/itself");
  EXPECT_EQ(Look("gpt2"), before);
}

TEST_F(FolderFilesTest, FollowsLinks) {
  PutModel("v1");
  fs::create_directory_symlink("v1", root_ / "live");
  EXPECT_THAT(Look("live").state, HasSubstr("v1/config.json"));
  // As the cache of a hub: each file is a link.
  fs::create_directory(root_ / "hub");
  fs::create_symlink(root_ / "v1/config.json", root_ / "hub/config.json");
  const FolderFiles hub = Look("hub");
  EXPECT_EQ(hub.num_bytes, 2);
  PutFile(root_ / "v1/config.json", "{  }");
  EXPECT_NE(Look("hub"), hub);
}

TEST_F(FolderFilesTest, AreNoneWhereThereIsNoFolder) { EXPECT_EQ(Look("none"), FolderFiles()); }

}  // namespace
}  // namespace chorus
