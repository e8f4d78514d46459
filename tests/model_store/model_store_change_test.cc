// Copies of versions, changes of their labels, and what a check of them finds.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "model_store/model_store.h"
#include "tests/base/temp_directory.h"
#include "tests/model_store/set_labels.h"

namespace chorus::store {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class ModelStoreChangeTest : public ::testing::Test {
 protected:
  ModelStoreChangeTest() {
    PutFile(temp_ / "model/config.json", R"({"architectures": ["GPT2LMHeadModel"]})");
    PutFile(temp_ / "model/model.safetensors", "weights");
    PutFile(temp_ / "model/README.md", "---\nlicense: mit\n---\n");
    EXPECT_TRUE(store_.Save(v1_, temp_ / "model").ok());
  }

  const Tag v1_ = {"gpt2", "v1"};
  const TempDirectory temp_;
  const fs::path home_ = temp_ / "home";
  ModelStore store_{home_};
};

TEST_F(ModelStoreChangeTest, ACopyHasAllButTheTag) {
  ASSERT_TRUE(SetLabels(store_, v1_, {{"stage", "test"}}).ok());
  const absl::StatusOr<Manifest> copy = store_.Copy({"gpt2", "latest"}, {"mine", "live"});
  ASSERT_TRUE(copy.ok()) << copy.status();
  Manifest expected = *store_.Get(v1_);
  EXPECT_EQ(expected.licence, "mit");
  expected.tag = {"mine", "live"};
  EXPECT_EQ(*copy, expected);
  EXPECT_EQ(*store_.Get({"mine", "latest"}), expected);
  EXPECT_TRUE(store_.Verify({"mine", "live"}).ok());
  ASSERT_TRUE(store_.Delete(v1_).ok());
  EXPECT_TRUE(store_.Verify({"mine", "live"}).ok());
}

TEST_F(ModelStoreChangeTest, NothingIsCopiedOverAVersionOrFromADamagedOne) {
  EXPECT_TRUE(absl::IsAlreadyExists(store_.Copy(v1_, v1_).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(store_.Copy(v1_, {"mine", "latest"}).status()));
  EXPECT_TRUE(absl::IsNotFound(store_.Copy({"gpt2", "v2"}, {"mine", "v1"}).status()));
  PutFile(home_ / "models/gpt2/v1/model.safetensors", "WEIGHTS");
  const absl::Status status = store_.Copy(v1_, {"mine", "v1"}).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("chorus models verify gpt2:v1"));
  EXPECT_TRUE(absl::IsNotFound(store_.Get({"mine", "v1"}).status()));
  EXPECT_TRUE(fs::is_empty(home_ / "models/.tmp"));
}

TEST_F(ModelStoreChangeTest, LabelsAreReplacedAndLeaveTheRest) {
  const Manifest before = *store_.Get(v1_);
  ASSERT_TRUE(SetLabels(store_, v1_, {{"a", "1"}}).ok());
  const absl::StatusOr<Manifest> after = SetLabels(store_, {"gpt2", "latest"}, {{"b", "2"}});
  ASSERT_TRUE(after.ok()) << after.status();
  Manifest expected = before;
  expected.labels = {{"b", "2"}};
  EXPECT_EQ(*after, expected);
  EXPECT_EQ(*store_.Get(v1_), expected);
  EXPECT_TRUE(store_.Verify(v1_).ok());
  EXPECT_TRUE(fs::is_empty(home_ / "models/.tmp"));
  EXPECT_TRUE(absl::IsNotFound(SetLabels(store_, {"gpt2", "v2"}, {}).status()));
}

TEST_F(ModelStoreChangeTest, WhatPeopleSayIsReplacedAndWhatFilesTellIsNot) {
  Manifest expected = *store_.Get(v1_);
  const auto change = [](Manifest& said) {
    said.labels = {{"a", "1"}};
    said.metadata = R"({"k":[1]})";
    said.licence = "apache-2.0";
    said.source = ModelSource{"me/mine", "v1"};
    return absl::OkStatus();
  };
  (void)change(expected);
  const auto change_more = [&](Manifest& said) {
    said.architecture = "Another";
    said.files.clear();
    return change(said);
  };
  EXPECT_EQ(*store_.Annotate(v1_, change_more), expected);
  EXPECT_EQ(*store_.Get(v1_), expected);
  EXPECT_TRUE(absl::IsNotFound(store_.Annotate({"gpt2", "v2"}, change).status()));
  const auto refuse = [](Manifest& said) {
    said.labels.clear();
    return absl::InvalidArgumentError("no");
  };
  EXPECT_EQ(store_.Annotate(v1_, refuse).status(), absl::InvalidArgumentError("no"));
  EXPECT_EQ(*store_.Get(v1_), expected);
}

TEST_F(ModelStoreChangeTest, ChangesAtOnceAllStay) {
  constexpr int kChangers = 4, kChanges = 8;
  std::vector<std::thread> changers;
  for (int i = 0; i < kChangers; ++i) {
    changers.emplace_back([&, i] {
      ModelStore store(home_);
      for (int j = 0; j < kChanges; ++j) {
        const auto add = [&](Manifest& said) {
          said.labels["k" + std::to_string(kChanges * i + j)] = "";
          return absl::OkStatus();
        };
        EXPECT_TRUE(store.Annotate(v1_, add).ok());
      }
    });
  }
  for (std::thread& changer : changers) changer.join();
  EXPECT_THAT(store_.Get(v1_)->labels, SizeIs(kChangers * kChanges));
}

// What a check finds while versions come and go beside it.
TEST_F(ModelStoreChangeTest, WhatIsDeletedOrReplacedMeanwhileIsNotDamaged) {
  std::jthread others([&](const std::stop_token& stop) {
    ModelStore store(home_);
    while (!stop.stop_requested()) {
      EXPECT_TRUE(store.Copy(v1_, {"gpt2", "v2"}).ok());
      EXPECT_TRUE(store.Save({"gpt2", "v2"}, temp_ / "model", {.replace = true}).ok());
      EXPECT_TRUE(store.Delete({"gpt2", "v2"}).ok());
    }
  });
  for (int i = 0; i < 300; ++i) {
    const absl::Status verified = store_.Verify({"gpt2", "v2"});
    EXPECT_TRUE(verified.ok() || absl::IsNotFound(verified)) << verified;
    EXPECT_TRUE(store_.Verify({"gpt2", "latest"}).ok());
    EXPECT_THAT(store_.List().problems, IsEmpty());
    EXPECT_THAT(store_.CheckLatest(), IsEmpty());
  }
}

// Which of the others takes the place of a deleted latest goes by when they were written.
TEST_F(ModelStoreChangeTest, LabelsMakeAVersionNoNewer) {
  const auto at = [&](const char* version, int minutes) {
    fs::last_write_time(home_ / "models/gpt2" / version,
                        fs::file_time_type::clock::now() - std::chrono::minutes(minutes));
  };
  for (const char* version : {"v2", "v3"}) {
    ASSERT_TRUE(store_.Save({"gpt2", version}, temp_ / "model").ok());
  }
  at("v1", 3);
  at("v2", 2);
  at("v3", 1);
  ASSERT_TRUE(SetLabels(store_, v1_, {{"a", "1"}}).ok());
  ASSERT_TRUE(store_.Delete({"gpt2", "v3"}).ok());
  EXPECT_EQ(store_.Find({"gpt2", "latest"})->version, "v2");
}

TEST_F(ModelStoreChangeTest, AFileThatIsNoneOfTheModelsIsDamage) {
  PutFile(home_ / "models/gpt2/v1/.nfs0001", "hidden files are not looked at");
  EXPECT_TRUE(store_.Verify(v1_).ok());
  PutFile(home_ / "models/gpt2/v1/tokenizer.json", "{}");
  EXPECT_THAT(Message(store_.Verify(v1_)), HasSubstr("tokenizer.json is none of its files"));
}

TEST_F(ModelStoreChangeTest, ALatestThatNamesNothingIsFound) {
  EXPECT_THAT(store_.CheckLatest(), IsEmpty());
  PutFile(home_ / "models/gpt2/latest", "v9");
  PutFile(home_ / "models/other/latest", "../../etc");
  const std::vector<absl::Status> problems = store_.CheckLatest();
  ASSERT_THAT(problems, SizeIs(2));
  EXPECT_THAT(Message(problems[0]), HasSubstr("no model gpt2:v9"));
  EXPECT_THAT(Message(problems[1]), HasSubstr("must name a version"));
  EXPECT_THAT(store_.Tags(), ElementsAre(v1_));
}

}  // namespace
}  // namespace chorus::store
