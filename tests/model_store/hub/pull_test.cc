// What a pull does to the store.

#include "model_store/hub/pull.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/model_store/hub/pull_fixture.h"

namespace chorus::store {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using PullTest = PullFixture;

TEST_F(PullTest, SavesTheFilesOfTheCommit) {
  const auto result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->was_there);
  EXPECT_THAT(observer_.events,
              ElementsAre("config.json from 0", "done", "merges.txt from 0", "done",
                          "vocab.json from 0", "done", "model.safetensors from 0", "done"));
  EXPECT_THAT(observer_.retries, IsEmpty());
  const auto manifest = store_.Get({"mine", "latest"});
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(*manifest, result->manifest);
  EXPECT_EQ(manifest->tag, kTag);
  EXPECT_EQ(manifest->task, "generate");
  EXPECT_EQ(manifest->architecture, "GPT2LMHeadModel");
  EXPECT_EQ(manifest->source, (ModelSource{kRepository, hub_.commit()}));
  ASSERT_THAT(manifest->files, SizeIs(4));
  EXPECT_TRUE(store_.Verify(kTag).ok());
  EXPECT_EQ(GetFile(store_.Directory(kTag) / "model.safetensors"), weights_);
  EXPECT_FALSE(HasPartialFiles());
  for (const HubRequest& request : hub_.requests()) {
    EXPECT_EQ(request.header("authorization"), "");
    EXPECT_THAT(request.target, Not(HasSubstr("README")));
  }
}

TEST_F(PullTest, RecordsTheLicenceThatTheHubNames) {
  hub_.SetHook([&](const HubRequest& request) -> std::optional<HubResponse> {
    if (!request.target.starts_with("/api/")) return std::nullopt;
    auto listing = nlohmann::json::parse(hub_.Listing());
    listing["cardData"] = {{"license", "apache-2.0"}};
    return HubResponse{.body = listing.dump()};
  });
  const auto result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->manifest.licence, "apache-2.0");
  EXPECT_EQ(store_.Get(kTag)->licence, "apache-2.0");
}

TEST_F(PullTest, MakesAVersionFromTheCommit) {
  options_.tag = {"mine", "latest"};
  const auto result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->manifest.tag, (Tag{"mine", hub_.commit().substr(0, 12)}));
}

TEST_F(PullTest, FetchesNothingTwice) {
  ASSERT_TRUE(Run().ok());
  ASSERT_TRUE(store_.Save({"mine", "v2"}, store_.Directory(kTag)).ok());  // The latest now.
  const size_t num_requests = hub_.requests().size();
  const auto again = Run();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->was_there);
  EXPECT_THAT(hub_.requests(), SizeIs(num_requests + 1));  // Which commit is main?
  EXPECT_EQ(*store_.Find({"mine", "latest"}), kTag);
  // A commit says it all.
  options_.source.revision = hub_.commit();
  EXPECT_TRUE(Run()->was_there);
  EXPECT_THAT(hub_.requests(), SizeIs(num_requests + 1));
}

TEST_F(PullTest, ATagIsNotGivenAnotherContent) {
  ASSERT_TRUE(Run().ok());
  files_["vocab.json"] = R"({"a": 0})";
  hub_.SetModel(kRepository, files_);
  const absl::Status status = Run().status();
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  EXPECT_THAT(Message(status), AllOf(HasSubstr("mine:v1"), HasSubstr(hub_.commit())));
  EXPECT_EQ(GetFile(store_.Directory(kTag) / "vocab.json"), "{}");
  ASSERT_TRUE(store_.Save({"mine", "v2"}, store_.Directory(kTag)).ok());
  options_.tag.version = "v2";
  EXPECT_THAT(Message(Run().status()), HasSubstr("not from a hub"));
  options_.tag.version = "v3";
  EXPECT_TRUE(Run().ok());
}

TEST_F(PullTest, ReplacesADamagedVersion) {
  ASSERT_TRUE(Run().ok());
  PutFile(store_.Directory(kTag) / "manifest.json", "{");
  const auto result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->was_there);
  // What is in the files is looked at when they are pinned.
  PutFile(store_.Directory(kTag) / "model.safetensors", "changed");
  EXPECT_TRUE(Run()->was_there);
  options_.sha256_pins = {{"model.safetensors", Sha256Of(weights_)}};
  EXPECT_FALSE(Run()->was_there);
  EXPECT_TRUE(store_.Verify(kTag).ok());
  EXPECT_TRUE(Run()->was_there);
}

TEST_F(PullTest, ChecksThePins) {
  options_.sha256_pins = {{"model.safetensors", Sha256Of(weights_)},
                          {"config.json", Sha256Of(files_["config.json"])}};
  EXPECT_TRUE(Run().ok());
  const std::string wrong(64, '0');
  for (const char* name : {"model.safetensors", "config.json"}) {
    for (const char* version : {"v1", "v2"}) {  // There already, or not.
      options_.tag.version = version;
      options_.sha256_pins = {{name, wrong}};
      const absl::Status status = Run().status();
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      EXPECT_THAT(Message(status),
                  AllOf(HasSubstr(name), HasSubstr(wrong), HasSubstr(Sha256Of(files_[name]))));
      EXPECT_THAT(hub_.RequestsFor("model.safetensors"), SizeIs(1));
    }
  }
  options_.sha256_pins = {{"README.md", wrong}};
  EXPECT_TRUE(absl::IsInvalidArgument(Run().status()));
  options_.sha256_pins = {{"model.pt2", wrong}};
  EXPECT_THAT(Message(Run().status()), HasSubstr("native code and taken from no hub"));
  EXPECT_THAT(store_.List().models, SizeIs(1));
}

TEST_F(PullTest, RefusesRepositoriesItCannotUse) {
  hub_.SetModel(kRepository, {{"config.json", "{}"}, {"vocab.txt", ""}, {"tf_model.h5", "x"}});
  const absl::Status status = Run().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Message(status),
              HasSubstr("cannot use my-org/my-gpt2@main: it has no weights that Chorus reads"));
  EXPECT_THAT(hub_.RequestsFor("config.json"), IsEmpty());
  ExpectNoVersion();
}

// First of config.json alone, then of all but the weights.
TEST_F(PullTest, AsksWhetherTheModelCanBeServedBeforeItFetchesTheWeights) {
  files_["generation_config.json"] = "{}";
  hub_.SetModel(kRepository, files_);
  std::vector<std::vector<std::string>> seen;
  bool is_fine = true;
  std::vector<bool> has_all;
  options_.check = [&](const std::filesystem::path& folder, bool has_all_but_weights) {
    has_all.push_back(has_all_but_weights);
    std::vector<std::string>& names = seen.emplace_back();
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.file_size() > 0) names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return is_fine ? absl::OkStatus() : absl::InvalidArgumentError("it has no head");
  };
  is_fine = false;
  const absl::Status status = Run().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("cannot use my-org/my-gpt2@main: it has no head"));
  EXPECT_THAT(seen, ElementsAre(ElementsAre("config.json")));
  EXPECT_THAT(hub_.RequestsFor("vocab.json"), IsEmpty());
  ExpectNoVersion();
  is_fine = true;
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(has_all, ElementsAre(false, false, true));
  EXPECT_THAT(seen.back(),
              ElementsAre("config.json", "generation_config.json", "merges.txt", "vocab.json"));
  EXPECT_THAT(hub_.RequestsFor("model.safetensors"), SizeIs(1));
}

TEST_F(PullTest, FetchesTheShardsOfTheIndex) {
  const std::string index =
      R"({"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors", "c": "m-1.safetensors"}})";
  files_.erase("model.safetensors");
  files_["model.safetensors.index.json"] = index;
  files_["m-1.safetensors"] = weights_;
  files_["m-2.safetensors"] = "second";
  files_["m-3.safetensors"] = "of no use";
  files_["2_Dense/config.json"] = "{}";  // A module has weights beside them.
  files_["2_Dense/model.safetensors"] = "dense";
  hub_.SetModel(kRepository, files_, {"m-1.safetensors", "m-2.safetensors", "m-3.safetensors"});
  options_.sha256_pins = {{"m-3.safetensors", std::string(64, '0')}};
  EXPECT_TRUE(absl::IsInvalidArgument(Run().status()));
  options_.sha256_pins = {{"m-2.safetensors", std::string(64, '0')}};
  EXPECT_TRUE(absl::IsDataLoss(Run().status()));
  EXPECT_THAT(hub_.RequestsFor("m-1.safetensors"), IsEmpty());
  options_.sha256_pins = {{"m-2.safetensors", Sha256Of("second")}};
  const auto result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->manifest.files, SizeIs(8));
  EXPECT_EQ(GetFile(store_.Directory(kTag) / "m-1.safetensors"), weights_);
  EXPECT_EQ(GetFile(store_.Directory(kTag) / "m-2.safetensors"), "second");
  EXPECT_EQ(GetFile(store_.Directory(kTag) / "2_Dense/model.safetensors"), "dense");
  EXPECT_THAT(hub_.RequestsFor("m-3.safetensors"), IsEmpty());

  options_.tag.version = "v2";
  files_["model.safetensors.index.json"] = R"({"weight_map": {"a": "../m-1.safetensors"}})";
  hub_.SetModel(kRepository, files_);
  EXPECT_THAT(Message(Run().status()), AllOf(HasSubstr("cannot use my-org/my-gpt2@main: "),
                                             HasSubstr("must be one in this folder")));
  files_["model.safetensors.index.json"] = R"({"weight_map": {"a": "m-4.safetensors"}})";
  hub_.SetModel(kRepository, files_);
  EXPECT_THAT(Message(Run().status()), HasSubstr("its index names m-4.safetensors"));
}

TEST_F(PullTest, FetchesAPickleWhereThereIsNothingElse) {
  files_.erase("model.safetensors");
  files_["pytorch_model.bin"] = weights_;
  hub_.SetModel(kRepository, files_, {"pytorch_model.bin"});
  const auto result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(GetFile(store_.Directory(kTag) / "pytorch_model.bin"), weights_);
}

TEST_F(PullTest, KeepsTheFilesOfModulesInTheirFolders) {
  const std::vector<std::string> names = {"1_Pooling/config.json", "2_Dense/config.json",
                                          "2_Dense/pytorch_model.bin"};
  for (const std::string& name : names) files_[name] = "of " + name;
  files_["modules.json"] = "[]";
  files_["onnx/config.json"] = "{}";
  hub_.SetModel(kRepository, files_);
  const auto result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->manifest.files, SizeIs(8));
  EXPECT_TRUE(store_.Verify(kTag).ok());
  ASSERT_TRUE(store_.Save({"copy", "v1"}, store_.Directory(kTag)).ok());
  for (const std::string& name : names) {
    EXPECT_EQ(GetFile(store_.Directory(kTag) / name), files_[name]);
    EXPECT_EQ(GetFile(store_.Directory({"copy", "v1"}) / name), files_[name]);
  }
  EXPECT_FALSE(HasPartialFiles());
}

TEST_F(PullTest, SaysWhenTheDiskIsTooSmall) {
  hub_.SetHook([&](const HubRequest& request) -> std::optional<HubResponse> {
    if (!request.target.starts_with("/api/")) return std::nullopt;
    auto listing = nlohmann::json::parse(hub_.Listing());
    for (auto& file : listing["siblings"]) {
      if (file.contains("lfs")) file["lfs"]["size"] = int64_t{1} << 42;
    }
    return HubResponse{.body = listing.dump()};
  });
  const absl::Status status = Run().status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(Message(status), AllOf(HasSubstr("the model needs 4194320 MiB more on the disk of " +
                                               (home_ / "models").native()),
                                     HasSubstr("MiB free: free some space")));
  EXPECT_THAT(hub_.RequestsFor("config.json"), IsEmpty());
  ExpectNoVersion();
}

TEST_F(PullTest, SaysWhenTheStoreCannotBeWritten) {
  PutFile(home_, "a file");
  EXPECT_FALSE(Run().ok());
  EXPECT_THAT(hub_.RequestsFor("config.json"), IsEmpty());
}

TEST_F(PullTest, TwoAtOnceFetchItOnce) {
  RecordingObserver other;
  std::thread second;
  std::promise<void> started;
  ScriptWeights({[&](HubResponse response) {
    // The first is at work; this one can only wait.
    second = std::thread([&] {
      ModelStore store{home_};
      const auto result = Pull(store, options_, other, {});
      EXPECT_TRUE(result.ok()) << result.status();
      EXPECT_TRUE(result->was_there);
    });
    started.set_value();
    return response;
  }});
  ASSERT_TRUE(Run().ok());
  started.get_future().wait();
  second.join();
  EXPECT_THAT(hub_.RequestsFor("model.safetensors"), SizeIs(1));
  EXPECT_FALSE(HasPartialFiles());
}

}  // namespace
}  // namespace chorus::store
