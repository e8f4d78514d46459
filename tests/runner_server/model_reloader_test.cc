#include "runner_server/model_reloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "runner_server/engine/mailbox.h"
#include "tests/base/temp_directory.h"

namespace chorus::runner {
namespace {

namespace fs = std::filesystem;

// A model of a store, of which each load is told to the test.
class ModelReloaderTest : public ::testing::Test {
 protected:
  ~ModelReloaderTest() override {
    served_.Drain(absl::InfinitePast());
    reloader_.reset();
  }

  void Start() {
    const ModelFolder folder = LookAtModel(model_);
    auto host = Load(folder);
    ASSERT_TRUE(host.ok()) << host.status();
    ASSERT_TRUE(served_.Serve(*std::move(host)));
    reloader_ = std::make_unique<ModelReloader>(
        ModelReloader::Options{.model = model_,
                               .name = "gpt2",
                               .load =
                                   [this](const ModelFolder& changed) {
                                     auto loaded = Load(changed);
                                     if (const auto call = before_serving) call();
                                     absl::Status status = loaded.status();
                                     loads_.TryPush(status);
                                     return loaded;
                                   },
                               .look_every = absl::Milliseconds(20)},
        folder, served_, metrics_);
  }
  absl::StatusOr<std::unique_ptr<ModelHost>> Load(const ModelFolder& folder) {
    return ModelHost::Load(
        {.directory = folder.directory, .name = "gpt2", .version = folder.version}, metrics_);
  }

  void Copy(const std::string& demo, const std::string& version) const {
    fs::create_directories(model_);
    fs::copy("models/demo/" + demo, model_ / version);
  }
  void AddVersion(const std::string& version, const std::string& demo) const {
    Copy(demo, version);
    SetLatest(version);
  }
  void SetLatest(const std::string& version) const {
    PutFile(model_ / "next", version + "\n");
    fs::rename(model_ / "next", model_ / "latest");
  }

  int NumReloads(const std::string& result) const {
    const std::string text = metrics_.ToText();
    const std::string series =
        absl::StrCat("chorus_model_reloads_total{model=\"gpt2\",result=\"", result, "\"} ");
    return std::stoi(text.substr(text.find(series) + series.size()));
  }
  static void WaitUntil(const std::function<bool()>& condition) {
    const absl::Time end = absl::Now() + absl::Seconds(120);
    while (!condition()) {
      ASSERT_LT(absl::Now(), end);
      absl::SleepFor(absl::Milliseconds(1));
    }
  }
  void WaitForVersion(const std::string& version) {
    WaitUntil([&] { return served_.info().version() == version; });
  }

  TempDirectory root_;
  const fs::path model_ = root_ / "gpt2";
  Mailbox<absl::Status> loads_;
  std::function<void()> before_serving;
  RunnerMetrics metrics_{"gpt2", ""};
  RunnerService service_{metrics_};
  ServedModel served_{service_, metrics_};
  std::unique_ptr<ModelReloader> reloader_;
};

TEST_F(ModelReloaderTest, ServesTheLatestVersion) {
  AddVersion("v1", "gpt2");
  Start();
  EXPECT_EQ(served_.info().version(), "v1");
  AddVersion("v2", "distilgpt2");
  WaitForVersion("v2");
  SetLatest("v1");
  WaitForVersion("v1");
  WaitUntil([&] { return NumReloads("ok") == 2; });
  EXPECT_EQ(NumReloads("error"), 0);
}

TEST_F(ModelReloaderTest, WhatCannotBeLoadedLeavesWhatServes) {
  AddVersion("v1", "gpt2");
  Start();
  Copy("distilgpt2", "v2");
  PutFile(model_ / "v2/model.safetensors", "no weights");
  SetLatest("v2");
  WaitUntil([&] { return NumReloads("error") == 1; });
  EXPECT_EQ(served_.info().version(), "v1");
  // It is tried again when its files change, and not before.
  fs::copy("models/demo/distilgpt2/model.safetensors", model_ / "weights");
  fs::rename(model_ / "weights", model_ / "v2/model.safetensors");
  WaitForVersion("v2");
  WaitUntil([&] { return NumReloads("ok") == 1; });
  loads_.Close();
  EXPECT_FALSE(loads_.Take()->ok());
  while (const std::optional<absl::Status> load = loads_.Take()) EXPECT_TRUE(load->ok()) << *load;
}

TEST_F(ModelReloaderTest, TriesAgainWhenItIsAsked) {
  AddVersion("v1", "gpt2");
  Start();
  SetLatest("v2");
  EXPECT_FALSE(loads_.Take()->ok());
  for (int i = 0; i < 2; ++i) {
    reloader_->Ask();
    EXPECT_FALSE(loads_.Take()->ok());
  }
  WaitUntil([&] { return NumReloads("error") == 3; });
  SetLatest("v1");
  reloader_->Ask();  // What serves is not loaded again.
  AddVersion("v3", "distilgpt2");
  WaitForVersion("v3");
  WaitUntil([&] { return NumReloads("ok") == 1; });
  EXPECT_EQ(NumReloads("error"), 3);
}

TEST_F(ModelReloaderTest, RefusesAnotherKindOfModel) {
  AddVersion("v1", "gpt2");
  Start();
  AddVersion("v2", "bert-sst2");
  EXPECT_TRUE(loads_.Take()->ok());
  WaitUntil([&] { return NumReloads("error") == 1; });
  EXPECT_EQ(served_.info().version(), "v1");
  EXPECT_EQ(served_.info().task(), runner::v1::TASK_GENERATE);
}

TEST_F(ModelReloaderTest, RefusesWhatHasNoRoom) {
  AddVersion("v1", "gpt2");
  Start();
  Copy("distilgpt2", "v2");
  PutFile(model_ / "v2/more", "");
  fs::resize_file(model_ / "v2/more", int64_t{1} << 43);  // On paper.
  SetLatest("v2");
  WaitUntil([&] { return NumReloads("error") == 1; });
  EXPECT_EQ(served_.info().version(), "v1");
  loads_.Close();
  EXPECT_FALSE(loads_.Take().has_value());
}

TEST_F(ModelReloaderTest, DoesNotServeWhatChangedWhileItWasLoaded) {
  for (const char* version : {"v1", "v2", "v3"}) Copy("distilgpt2", version);
  SetLatest("v1");
  before_serving = [this] {
    before_serving = {};
    SetLatest("v3");
  };
  Start();
  SetLatest("v2");
  WaitForVersion("v3");
  WaitUntil([&] { return NumReloads("ok") == 1; });
  EXPECT_EQ(NumReloads("error"), 0);
}

TEST_F(ModelReloaderTest, ADrainDropsWhatIsBeingLoaded) {
  AddVersion("v1", "gpt2");
  Mailbox<bool> loaded, gate;
  before_serving = [&] {
    bool yes = true;
    loaded.TryPush(yes);
    gate.Take();
  };
  Start();
  AddVersion("v2", "distilgpt2");
  loaded.Take();
  served_.Drain(absl::InfiniteFuture());
  gate.Close();
  reloader_.reset();
  EXPECT_EQ(served_.info().version(), "v1");
  EXPECT_EQ(NumReloads("ok") + NumReloads("error"), 0);
}

}  // namespace
}  // namespace chorus::runner
