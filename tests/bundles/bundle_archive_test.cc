#include "bundles/bundle_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "bundles/pinned_models.h"
#include "config/yaml_writer.h"
#include "tests/bundles/sample_home.h"
#include "tests/bundles/tar_writer.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class BundleArchiveTest : public ::testing::Test {
 protected:
  BundleArchiveTest() { home_.Save(); }

  // All files of the home's stores, as an export holds them.
  std::vector<TarEntry> Entries() const {
    std::vector<TarEntry> entries;
    for (const auto& file : fs::recursive_directory_iterator(home_.path())) {
      const std::string name = file.path().filename();
      if (!file.is_regular_file() || name == "latest" || name == ".lock") continue;
      entries.push_back(
          {file.path().lexically_relative(home_.path()).native(), GetFile(file.path())});
    }
    return entries;
  }
  absl::Status Import(const std::string& bytes) {
    PutFile(temp_ / "import.tar.gz", bytes);
    return ImportBundle(temp_ / "import.tar.gz", other_).status();
  }
  void ExpectNothingImported() {
    EXPECT_TRUE(BundleStore(other_).List().bundles.empty());
    EXPECT_TRUE(store::ModelStore(other_).List().models.empty());
    EXPECT_TRUE(fs::is_empty(other_ / "bundles/.tmp"));
  }

  const TempDirectory temp_;
  SampleHome home_{temp_.path()};
  const fs::path other_ = temp_ / "other";
};

TEST_F(BundleArchiveTest, ImportGivesExactlyWhatWasExported) {
  const auto file = ExportBundle(home_.bundle(), home_.path(), temp_ / "x.tar.gz");
  ASSERT_TRUE(file.ok()) << file.status();
  const auto bundle = ImportBundle(*file, other_);
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_EQ(FormatYaml(*bundle), FormatYaml(home_.bundle()));
  EXPECT_TRUE(BundleStore(other_).Verify(*bundle).ok());
  EXPECT_TRUE(VerifyPinnedModels(*bundle, store::ModelStore(other_)).ok());
  EXPECT_EQ(BundleStore(other_).Find({"sample", "latest"})->version, "v1");
  EXPECT_TRUE(ImportBundle(*file, other_).ok());  // Again changes nothing.
  EXPECT_TRUE(fs::is_empty(other_ / "bundles/.tmp"));
}

TEST_F(BundleArchiveTest, BringsNoNativeCodeThatIsNotThereAlready) {
  SampleHome compiled(temp_ / "compiled", /*with_native_code=*/true);
  compiled.Save();
  const auto file = ExportBundle(compiled.bundle(), compiled.path(), temp_ / "x.tar.gz");
  ASSERT_TRUE(file.ok()) << file.status();
  const absl::Status status = ImportBundle(*file, other_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("gpt2:m1 brings native code, model.pt2"));
  ExpectNothingImported();
  const store::ModelStore from(compiled.path());
  for (const char* name : {"gpt2", "bert"}) {
    ASSERT_TRUE(store::ModelStore(other_).Save({name, "m1"}, from.Directory({name, "m1"})).ok());
  }
  EXPECT_TRUE(ImportBundle(*file, other_).ok());
}

TEST_F(BundleArchiveTest, ExportsIntoAFolder) {
  fs::create_directory(temp_ / "out");
  const auto file = ExportBundle(home_.bundle(), home_.path(), temp_ / "out");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(*file, temp_ / "out/sample-v1.tar.gz");
}

TEST_F(BundleArchiveTest, ExportsNothingThatHasChanged) {
  PutFile(store::ModelStore(home_.path()).Directory({"gpt2", "m1"}) / "model.safetensors", "x");
  EXPECT_TRUE(
      absl::IsDataLoss(ExportBundle(home_.bundle(), home_.path(), temp_ / "x.tar.gz").status()));
  EXPECT_FALSE(fs::exists(temp_ / "x.tar.gz"));
}

TEST_F(BundleArchiveTest, ImportsEntriesInAnyOrder) {
  std::vector<TarEntry> entries = Entries();
  std::reverse(entries.begin(), entries.end());
  const absl::Status status = Import(MakeTar(entries));
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(BundleArchiveTest, RefusesAChangedByteInAnyFile) {
  const std::vector<TarEntry> entries = Entries();
  ASSERT_GE(entries.size(), 9u);
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].name.ends_with("manifest.json") || entries[i].name.ends_with("bundle.yaml")) {
      continue;  // They hold the hashes; see below.
    }
    std::vector<TarEntry> changed = entries;
    changed[i].contents[0] ^= 1;
    const absl::Status status = Import(MakeTar(changed));
    EXPECT_TRUE(absl::IsDataLoss(status)) << entries[i].name << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(fs::path(entries[i].name).filename().native()));
    ExpectNothingImported();
  }
}

TEST_F(BundleArchiveTest, RefusesAManifestThatAgreesWithAChangedModelOnly) {
  // Another model with a right manifest of its own, under the pinned tag.
  PutFile(temp_ / "model/model.safetensors", "others");
  ASSERT_TRUE(store::ModelStore(home_.path())
                  .Save({"gpt2", "m1"}, temp_ / "model", {.replace = true})
                  .ok());
  const absl::Status status = Import(MakeTar(Entries()));
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("is not the model that sample:v1 pins"));
  ExpectNothingImported();
}

TEST_F(BundleArchiveTest, RefusesMissingAndFurtherFiles) {
  const std::vector<TarEntry> entries = Entries();
  for (size_t i = 0; i < entries.size(); ++i) {
    std::vector<TarEntry> fewer = entries;
    fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(i));
    EXPECT_FALSE(Import(MakeTar(fewer)).ok()) << entries[i].name;
    ExpectNothingImported();
  }
  for (const char* name :
       {"bundles/sample/v1/include/more", "models/gpt2/m1/more", "models/gpt2/m2/config.json",
        "models/gpt2/latest", "more", "bundles/.tmp/x"}) {
    std::vector<TarEntry> more = entries;
    more.push_back({name, "x"});
    const absl::Status status = Import(MakeTar(more));
    EXPECT_FALSE(status.ok()) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
    ExpectNothingImported();
  }
}

TEST_F(BundleArchiveTest, RefusesTwoBundlesAndNone) {
  std::vector<TarEntry> entries = Entries();
  home_.bundle().set_version("v2");
  home_.Save();
  EXPECT_THAT(std::string(Import(MakeTar(Entries())).message()),
              HasSubstr("must hold one bundle, and holds 2"));
  EXPECT_THAT(std::string(Import(MakeTar({{"models/gpt2/m1/config.json", "{}"}})).message()),
              HasSubstr("must hold one bundle, and holds 0"));
  ExpectNothingImported();
}

TEST_F(BundleArchiveTest, RefusesPathsAndLinksThatLeadOut) {
  for (const TarEntry& bad : std::vector<TarEntry>{
           {"../escaped", "x"},
           {"bundles/../../escaped", "x"},
           {"bundles/sample/v1/include/link", "", AE_IFLNK, "/etc/passwd"},
           {"models/gpt2", "", AE_IFLNK, "/tmp"},
           {"models/gpt2/m1/hard", "", AE_IFREG, "", "models/gpt2/m1/config.json"}}) {
    for (const bool first : {true, false}) {
      std::vector<TarEntry> entries = Entries();
      entries.insert(first ? entries.begin() : entries.end(), bad);
      EXPECT_TRUE(absl::IsInvalidArgument(Import(MakeTar(entries)))) << bad.name;
      ExpectNothingImported();
      EXPECT_FALSE(fs::exists(temp_ / "escaped"));
      EXPECT_FALSE(fs::exists(other_ / "escaped"));
    }
  }
}

TEST_F(BundleArchiveTest, RefusesABundleThatNamesFilesElsewhere) {
  for (const char* name : {"../../../../secret", "/etc/passwd"}) {
    std::string yaml = FormatYaml(home_.bundle());
    yaml.replace(yaml.find("include/a/b.txt"), strlen("include/a/b.txt"), name);
    std::vector<TarEntry> entries = Entries();
    for (TarEntry& entry : entries) {
      if (entry.name.ends_with("bundle.yaml")) entry.contents = yaml;
    }
    const absl::Status status = Import(MakeTar(entries));
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("must be a path that stays"));
    ExpectNothingImported();
  }
}

TEST_F(BundleArchiveTest, RefusesTruncations) {
  const std::string tar = MakeTar(Entries());
  for (size_t size = 0; size + 64 < tar.size(); size += 97) {
    EXPECT_FALSE(Import(tar.substr(0, size)).ok()) << size;
    ExpectNothingImported();
  }
}

}  // namespace
}  // namespace chorus
