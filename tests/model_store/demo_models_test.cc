#include "model_store/demo_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/base/temp_directory.h"

namespace chorus::store {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kDemoDirectory[] = "models/demo";  // Tests run in the source root.

TEST(InstallDemoModels, InstallsTheTutorialsFour) {
  const TempDirectory home;
  ModelStore store(home.path());
  ASSERT_TRUE(InstallDemoModels(store, kDemoDirectory).ok());
  std::vector<std::string> lines;
  for (const Manifest& manifest : store.List().models) {
    lines.push_back(manifest.tag.ToString() + " " + manifest.task + " " + manifest.architecture);
    EXPECT_TRUE(store.Verify(manifest.tag).ok());
    EXPECT_EQ(store.Resolve(manifest.tag.name)->directory, store.Directory(manifest.tag));
  }
  EXPECT_THAT(
      lines,
      ElementsAre("bert-base-uncased-classification:demo classify BertForSequenceClassification",
                  "distilgpt2-generation:demo generate GPT2LMHeadModel",
                  "gpt2-generation:demo generate GPT2LMHeadModel",
                  "gpt2-medium-generation:demo generate GPT2LMHeadModel"));
}

TEST(InstallDemoModels, KeepsWhatIsThereAndTheUsersLatest) {
  const TempDirectory home;
  ModelStore store(home.path());
  ASSERT_TRUE(store.Save({"gpt2-generation", "mine"}, "models/demo/distilgpt2").ok());
  ASSERT_TRUE(InstallDemoModels(store, kDemoDirectory).ok());
  EXPECT_EQ(store.Resolve("gpt2-generation")->tag->version, "mine");
  const fs::path weights = store.Directory({"gpt2-generation", "demo"}) / "model.safetensors";
  const fs::file_time_type before = fs::last_write_time(weights);
  ASSERT_TRUE(InstallDemoModels(store, kDemoDirectory).ok());
  EXPECT_EQ(fs::last_write_time(weights), before);
}

TEST(InstallDemoModels, MendsADamagedVersionAndAMissingLatest) {
  const TempDirectory home;
  ModelStore store(home.path());
  ASSERT_TRUE(InstallDemoModels(store, kDemoDirectory).ok());
  fs::remove(home / "models/gpt2-generation/demo/manifest.json");
  fs::remove(home / "models/distilgpt2-generation/latest");
  ASSERT_TRUE(InstallDemoModels(store, kDemoDirectory).ok());
  EXPECT_TRUE(store.Verify({"gpt2-generation", "demo"}).ok());
  EXPECT_TRUE(store.Resolve("distilgpt2-generation").ok());
}

TEST(InstallDemoModels, WhatWasDeletedStaysSoUntilItIsRestored) {
  const TempDirectory home;
  ModelStore store(home.path());
  const Tag tag{"gpt2-generation", "demo"};
  ASSERT_TRUE(InstallDemoModels(store, kDemoDirectory).ok());
  ASSERT_TRUE(store.Delete(tag).ok());
  for (int i = 0; i < 2; ++i) {
    ModelStore again(home.path());
    ASSERT_TRUE(InstallDemoModels(again, kDemoDirectory).ok());
    EXPECT_TRUE(absl::IsNotFound(again.Find(tag).status()));
    EXPECT_EQ(again.List().models.size(), 3u);
    EXPECT_TRUE(again.List().problems.empty());
  }
  EXPECT_THAT(*RestoreDemoModels(store, kDemoDirectory), ElementsAre(tag));
  EXPECT_THAT(*RestoreDemoModels(store, kDemoDirectory), IsEmpty());
  EXPECT_EQ(store.Resolve("gpt2-generation")->tag, tag);
  ASSERT_TRUE(store.Delete(tag).ok());
  ASSERT_TRUE(InstallDemoModels(store, kDemoDirectory).ok());
  EXPECT_TRUE(absl::IsNotFound(store.Find(tag).status()));
}

// As a Chorus left it that took no note of what it installed.
TEST(InstallDemoModels, WhatIsThereCountsAsInstalled) {
  const TempDirectory home;
  ModelStore store(home.path());
  const Tag tag{"gpt2-generation", "demo"};
  ASSERT_TRUE(store.Save(tag, "models/demo/gpt2").ok());
  ASSERT_TRUE(InstallDemoModels(store, kDemoDirectory).ok());
  ASSERT_TRUE(store.Delete(tag).ok());
  ASSERT_TRUE(InstallDemoModels(store, kDemoDirectory).ok());
  EXPECT_TRUE(absl::IsNotFound(store.Find(tag).status()));
}

TEST(InstallDemoModels, GoesOnAfterAFailureAndReportsIt) {
  const TempDirectory home;
  const TempDirectory demo;
  fs::copy("models/demo/bert-sst2", demo / "bert-sst2");
  ModelStore store(home.path());
  EXPECT_TRUE(absl::IsNotFound(InstallDemoModels(store, demo.path())));
  EXPECT_TRUE(store.Resolve("bert-base-uncased-classification").ok());
}

}  // namespace
}  // namespace chorus::store
