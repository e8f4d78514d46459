#include "bundles/model_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/base/temp_directory.h"
#include "tests/bundles/tar_writer.h"
#include "tests/model_store/set_labels.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class ModelArchiveTest : public ::testing::Test {
 protected:
  ModelArchiveTest() {
    PutFile(temp_ / "model/config.json", R"({"architectures": ["GPT2LMHeadModel"]})");
    PutFile(temp_ / "model/model.safetensors", "weights");
    EXPECT_TRUE(models_.Save(tag_, temp_ / "model").ok());
    EXPECT_TRUE(store::SetLabels(models_, tag_, {{"team", "nlp"}}).ok());
  }

  // All files of the model, as an export holds them.
  std::vector<TarEntry> Entries() const {
    std::vector<TarEntry> entries;
    for (const auto& file : fs::directory_iterator(models_.Directory(tag_))) {
      entries.push_back(
          {"models/gpt2/v1/" + file.path().filename().native(), GetFile(file.path())});
    }
    return entries;
  }

  absl::StatusOr<UnpackedModel> Unpack(const fs::path& archive) {
    fs::remove_all(temp_ / "unpacked");
    fs::create_directory(temp_ / "unpacked");
    return UnpackModel(archive, temp_ / "unpacked");
  }
  absl::Status UnpackEntries(const std::vector<TarEntry>& entries) {
    PutFile(temp_ / "import.tar.gz", MakeTar(entries));
    return Unpack(temp_ / "import.tar.gz").status();
  }

  const TempDirectory temp_;
  const store::Tag tag_ = {"gpt2", "v1"};
  store::ModelStore models_{temp_ / "home"};
};

TEST_F(ModelArchiveTest, UnpacksWhatWasExported) {
  const auto file = ExportModel(models_, tag_, temp_ / "x.tar.gz");
  ASSERT_TRUE(file.ok()) << file.status();
  const auto model = Unpack(*file);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->manifest, *models_.Get(tag_));
  EXPECT_EQ(GetFile(model->directory / "model.safetensors"), "weights");
}

TEST_F(ModelArchiveTest, TheSameVersionGivesTheSameBytes) {
  ASSERT_TRUE(ExportModel(models_, tag_, temp_ / "a.tar.gz").ok());
  fs::last_write_time(models_.Directory(tag_) / "config.json", fs::file_time_type::clock::now());
  ASSERT_TRUE(ExportModel(models_, tag_, temp_ / "b.tar.gz").ok());
  EXPECT_EQ(GetFile(temp_ / "a.tar.gz"), GetFile(temp_ / "b.tar.gz"));
  // And so does the version that the archive becomes elsewhere.
  const auto model = Unpack(temp_ / "a.tar.gz");
  ASSERT_TRUE(model.ok()) << model.status();
  store::ModelStore other(temp_ / "unpacked/other");
  ASSERT_TRUE(other.Adopt(model->manifest, model->directory).ok());
  ASSERT_TRUE(ExportModel(other, tag_, temp_ / "c.tar.gz").ok());
  EXPECT_EQ(GetFile(temp_ / "a.tar.gz"), GetFile(temp_ / "c.tar.gz"));
}

TEST_F(ModelArchiveTest, ExportsIntoAFolderAndNothingThatHasChanged) {
  fs::create_directory(temp_ / "out");
  EXPECT_EQ(*ExportModel(models_, tag_, temp_ / "out"), temp_ / "out/gpt2-v1.tar.gz");
  EXPECT_TRUE(absl::IsAlreadyExists(ExportModel(models_, tag_, temp_ / "out").status()));
  PutFile(models_.Directory(tag_) / "model.safetensors", "WEIGHTS");
  EXPECT_TRUE(absl::IsDataLoss(ExportModel(models_, tag_, temp_ / "x.tar.gz").status()));
  EXPECT_FALSE(fs::exists(temp_ / "x.tar.gz"));
}

TEST_F(ModelArchiveTest, RefusesAChangedByteAndMissingAndFurtherFiles) {
  const std::vector<TarEntry> entries = Entries();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_TRUE(UnpackEntries(entries).ok());
  for (size_t i = 0; i < entries.size(); ++i) {
    std::vector<TarEntry> changed = entries;
    changed[i].contents[0] ^= 1;
    EXPECT_TRUE(absl::IsInvalidArgument(UnpackEntries(changed))) << entries[i].name;
    std::vector<TarEntry> fewer = entries;
    fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(i));
    EXPECT_TRUE(absl::IsInvalidArgument(UnpackEntries(fewer))) << entries[i].name;
  }
  for (const char* name : {"models/gpt2/v1/.hidden", "models/gpt2/latest", "bundles/a/b/c",
                           "models/.tmp/save-00000000/x", "stray"}) {
    std::vector<TarEntry> more = entries;
    more.push_back({name, "x"});
    EXPECT_THAT(Message(UnpackEntries(more)),
                HasSubstr(std::string(name) + " is not of the model"));
  }
}

TEST_F(ModelArchiveTest, RefusesTwoModelsAndNone) {
  std::vector<TarEntry> entries = Entries();
  ASSERT_TRUE(models_.Copy(tag_, {"gpt2", "v2"}).ok());
  for (const auto& file : fs::directory_iterator(models_.Directory({"gpt2", "v2"}))) {
    entries.push_back({"models/gpt2/v2/" + file.path().filename().native(), GetFile(file.path())});
  }
  EXPECT_THAT(Message(UnpackEntries(entries)), HasSubstr("must hold one model, and holds 2"));
  EXPECT_THAT(Message(UnpackEntries({{"models/a", "x"}})),
              HasSubstr("must hold one model, and holds 0"));
  PutFile(temp_ / "no.tar.gz", "not an archive");
  EXPECT_TRUE(absl::IsInvalidArgument(Unpack(temp_ / "no.tar.gz").status()));
}

}  // namespace
}  // namespace chorus
