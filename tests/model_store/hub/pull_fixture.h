#pragma once

// A hub with one small model, and a store that pulls from it.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "model_store/hub/pull.h"
#include "tests/base/temp_directory.h"
#include "tests/model_store/hub/scripted_hub.h"

namespace chorus::store {

inline constexpr char kRepository[] = "my-org/my-gpt2";
inline const Tag kTag{"mine", "v1"};

inline std::string Message(const absl::Status& status) { return std::string(status.message()); }

inline std::string Sha256Of(const std::string& text) {
  Sha256 hash;
  hash.Update(text);
  return std::move(hash).HexDigest();
}

class RecordingObserver : public PullObserver {
 public:
  void OnWait() override { events.push_back("wait"); }
  void OnNoLocks(std::string_view error) override { no_locks.emplace_back(error); }
  void OnFile(std::string_view name, int64_t, int64_t done_bytes) override {
    events.push_back(std::string(name) + " from " + std::to_string(done_bytes));
  }
  void OnFileDone() override { events.push_back("done"); }
  void OnRetry(std::string_view error, absl::Duration delay) override {
    retries.emplace_back(error);
    delays.push_back(delay);
  }

  std::vector<std::string> events;
  std::vector<std::string> no_locks;
  std::vector<std::string> retries;
  std::vector<absl::Duration> delays;
};

class PullFixture : public ::testing::Test {
 protected:
  PullFixture() {
    for (size_t i = 0; i < weights_.size(); ++i) weights_[i] = static_cast<char>(i * i >> 8);
    files_ = {{"config.json", R"({"architectures": ["GPT2LMHeadModel"]})"},
              {"vocab.json", "{}"},
              {"merges.txt", "#version: 0.2\n"},
              {"README.md", "not wanted"},
              {"model.safetensors", weights_}};
    hub_.SetModel(kRepository, files_);
    options_.tag = kTag;
    options_.source = {kRepository, "main"};
    options_.hub.http.endpoint = hub_.url();
    options_.hub.http.stall_timeout = absl::Seconds(1);
    options_.hub.retry = {.max_failures = 3, .first_delay = absl::Milliseconds(1)};
    ::setenv("no_proxy", "127.0.0.1", 1);
  }

  absl::StatusOr<PullResult> Run() {
    observer_ = {};
    return Pull(store_, options_, observer_, stop_.get_token());
  }

  // Nothing of the model is in the store.
  void ExpectNoVersion() {
    EXPECT_TRUE(store_.List().models.empty());
    EXPECT_TRUE(store_.List().problems.empty());
  }
  bool HasPartialFiles() const {
    const std::filesystem::path pulls = home_ / "models/.pull";
    return std::filesystem::exists(pulls) && !std::filesystem::is_empty(pulls);
  }
  // Answers requests for the weights in turn, then as the hub would.
  void ScriptWeights(std::vector<std::function<HubResponse(HubResponse)>> script) {
    auto steps = std::make_shared<decltype(script)>(std::move(script));
    hub_.SetHook([this, steps](const HubRequest& request) -> std::optional<HubResponse> {
      if (!request.target.ends_with("/model.safetensors") || steps->empty()) return std::nullopt;
      const auto step = steps->front();
      steps->erase(steps->begin());
      return step(hub_.Answer(request));
    });
  }

  const TempDirectory temp_;
  const std::filesystem::path home_ = temp_ / "home";
  ModelStore store_{home_};
  std::string weights_ = std::string(3 << 20, 'w');
  std::map<std::string, std::string> files_;
  ScriptedHub hub_;
  PullOptions options_;
  RecordingObserver observer_;
  std::stop_source stop_;
};

}  // namespace chorus::store
