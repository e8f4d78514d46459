#include "runner_server/model_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/base/temp_directory.h"

namespace chorus::runner {
namespace {

namespace fs = std::filesystem;

class ModelFolderTest : public ::testing::Test {
 protected:
  void PutModel(const std::string& folder) {
    PutFile(root_ / (folder + "/config.json"), "{}");
    PutFile(root_ / (folder + "/model.safetensors"), "weights");
    PutFile(root_ / (folder + "/1_Pooling/config.json"), "{}");
  }
  ModelFolder Look(const std::string& model) { return LookAtModel(root_ / model); }

  TempDirectory root_;
};

TEST_F(ModelFolderTest, IsAModelsFolder) {
  PutModel("gpt2");
  PutFile(root_ / "gpt2/latest", "v1\n");  // A file of its, whatever it is.
  const ModelFolder folder = Look("gpt2");
  EXPECT_EQ(folder.directory, root_ / "gpt2");
  EXPECT_EQ(folder.version, "");
  EXPECT_EQ(folder.files.num_bytes, 2 + 7 + 2 + 3);
  EXPECT_EQ(folder, Look("gpt2"));
}

TEST_F(ModelFolderTest, IsTheLatestVersionOfAStoresModel) {
  PutModel("gpt2/v1");
  PutModel("gpt2/v2");
  PutFile(root_ / "gpt2/latest", "v1\n");
  const ModelFolder first = Look("gpt2");
  EXPECT_EQ(first.directory, root_ / "gpt2/v1");
  EXPECT_EQ(first.version, "v1");
  PutFile(root_ / "gpt2/latest", "v2\n");
  const ModelFolder second = Look("gpt2");
  EXPECT_EQ(second.directory, root_ / "gpt2/v2");
  EXPECT_EQ(second.version, "v2");
  EXPECT_NE(first, second);
  for (const char* wrong : {"", "../gpt2", ".."}) {
    PutFile(root_ / "gpt2/latest", wrong);
    EXPECT_EQ(Look("gpt2").directory, root_ / "gpt2") << wrong;
    EXPECT_EQ(Look("gpt2").version, "") << wrong;
  }
}

TEST_F(ModelFolderTest, DiffersWhenAFileDoes) {
  PutModel("gpt2");
  const ModelFolder before = Look("gpt2");
  PutFile(root_ / "gpt2/config.json", "{ }");
  EXPECT_NE(Look("gpt2"), before);
}

TEST_F(ModelFolderTest, FollowsLinks) {
  PutModel("v1");
  PutModel("v2");
  fs::create_directory_symlink("v1", root_ / "live");
  const ModelFolder first = Look("live");
  EXPECT_EQ(first.directory, root_ / "live");
  fs::remove(root_ / "live");
  fs::create_directory_symlink("v2", root_ / "live");
  EXPECT_NE(Look("live"), first);
}

TEST_F(ModelFolderTest, HasNoFilesWhereThereIsNone) {
  const ModelFolder none = Look("none");
  EXPECT_EQ(none.directory, root_ / "none");
  EXPECT_EQ(none.files, FolderFiles());
}

}  // namespace
}  // namespace chorus::runner
