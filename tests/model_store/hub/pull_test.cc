#include "model_store/hub/pull.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "model_store/sha256.h"
#include "tests/model_store/hub/scripted_hub.h"
#include "tests/model_store/temp_directory.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kRepository[] = "my-org/my-gpt2";
const Tag kTag{"mine", "v1"};

std::string Message(const absl::Status& status) { return std::string(status.message()); }

std::string Sha256Of(const std::string& text) {
  Sha256 hash;
  hash.Update(text);
  return std::move(hash).HexDigest();
}

class RecordingObserver : public PullObserver {
 public:
  void OnWait() override { events.push_back("wait"); }
  void OnFile(std::string_view name, int64_t, int64_t done_bytes) override {
    events.push_back(std::string(name) + " from " + std::to_string(done_bytes));
  }
  void OnFileDone() override { events.push_back("done"); }
  void OnRetry(std::string_view error, absl::Duration delay) override {
    retries.emplace_back(error);
    delays.push_back(delay);
  }

  std::vector<std::string> events;
  std::vector<std::string> retries;
  std::vector<absl::Duration> delays;
};

class PullTest : public ::testing::Test {
 protected:
  PullTest() {
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
    EXPECT_THAT(store_.List().models, IsEmpty());
    EXPECT_THAT(store_.List().problems, IsEmpty());
  }
  bool HasPartialFiles() const {
    const fs::path pulls = home_ / "models/.pull";
    return fs::exists(pulls) && !fs::is_empty(pulls);
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
  const fs::path home_ = temp_ / "home";
  ModelStore store_{home_};
  std::string weights_ = std::string(3 << 20, 'w');
  std::map<std::string, std::string> files_;
  ScriptedHub hub_;
  PullOptions options_;
  RecordingObserver observer_;
  std::stop_source stop_;
};

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
  EXPECT_THAT(store_.List().models, SizeIs(1));
}

TEST_F(PullTest, GoesOnAfterABrokenConnection) {
  const auto cut = [](HubResponse response) {
    response.cut_after = response.body.size() / 2;
    return response;
  };
  const auto stall = [](HubResponse response) {
    response.cut_after = 1000;
    response.stall = true;
    return response;
  };
  ScriptWeights({cut, stall, cut});
  options_.hub.retry.max_failures = 4;
  const auto result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(GetFile(store_.Directory(kTag) / "model.safetensors"), weights_);
  const std::vector<HubRequest> requests = hub_.RequestsFor("model.safetensors");
  ASSERT_THAT(requests, SizeIs(4));
  EXPECT_EQ(requests[0].header("range"), "");
  EXPECT_EQ(requests[1].header("range"), "bytes=1572864-");
  EXPECT_THAT(requests[1].header("if-range"), HasSubstr("\""));
  EXPECT_EQ(requests[2].header("range"), "bytes=1573864-");
  EXPECT_THAT(observer_.retries, SizeIs(3));
}

TEST_F(PullTest, GoesOnWhereAnEarlierPullStopped) {
  const auto cut = [](HubResponse response) {
    response.cut_after = 1000;
    return response;
  };
  ScriptWeights({cut, cut, cut});
  const absl::Status status = Run().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("tried 3 times"));
  ExpectNoVersion();
  EXPECT_TRUE(HasPartialFiles());
  const size_t num_requests = hub_.requests().size();
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(hub_.requests(), SizeIs(num_requests + 2));  // The list, and the rest.
  EXPECT_EQ(hub_.requests().back().header("range"), "bytes=3000-");
  EXPECT_TRUE(store_.Verify(kTag).ok());
  EXPECT_FALSE(HasPartialFiles());
}

TEST_F(PullTest, BeginsAgainWhenTheServerDoesNotGoOn) {
  const auto cut = [](HubResponse response) {
    response.cut_after = 1000;
    return response;
  };
  const auto whole = [&](HubResponse response) {
    response.status = 200;
    response.headers.erase("Content-Range");
    response.body = weights_;
    return response;
  };
  const auto elsewhere = [&](HubResponse response) {
    response.headers["Content-Range"] = "bytes 7-10/3145728";
    return response;
  };
  const auto no_such_range = [](HubResponse) { return HubResponse{.status = 416}; };
  const std::vector<std::function<HubResponse(HubResponse)>> kCases[] = {
      {cut, whole}, {cut, elsewhere}, {cut, no_such_range}};
  for (const auto& script : kCases) {
    ScriptWeights(script);
    const auto result = Run();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(store_.Verify(kTag).ok());
    ASSERT_TRUE(store_.Delete(kTag).ok());
  }
}

TEST_F(PullTest, WhatDoesNotFitTogetherIsFetchedAgainInOnePiece) {
  const auto other_beginning = [](HubResponse response) {
    response.body = std::string(response.body.size(), '?');
    response.cut_after = 1000;
    return response;
  };
  ScriptWeights({other_beginning});
  ASSERT_TRUE(Run().ok());
  EXPECT_TRUE(store_.Verify(kTag).ok());
  ASSERT_THAT(observer_.retries, SizeIs(2));
  EXPECT_THAT(observer_.retries[1], HasSubstr("not what the hub lists"));
  EXPECT_EQ(hub_.requests().back().header("range"), "");
}

TEST_F(PullTest, RefusesOtherBytesThanThoseListed) {
  hub_.SetHook([&](const HubRequest& request) -> std::optional<HubResponse> {
    if (!request.target.ends_with("/vocab.json")) return std::nullopt;
    return HubResponse{.body = "[]"};
  });
  EXPECT_THAT(Message(Run().status()), HasSubstr("vocab.json is not what the hub lists: its Git"));
  ExpectNoVersion();
  const auto changed = [](HubResponse response) {
    response.body[100] ^= 1;
    return response;
  };
  const auto longer = [](HubResponse response) {
    response.body += "x";
    return response;
  };
  for (const auto& step : {std::function<HubResponse(HubResponse)>(changed),
                           std::function<HubResponse(HubResponse)>(longer)}) {
    ScriptWeights({step});
    const absl::Status status = Run().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(Message(status), HasSubstr("model.safetensors"));
    ExpectNoVersion();
  }
}

TEST_F(PullTest, ATruncatedBodyIsNotTheFile) {
  const auto truncated = [](HubResponse response) {
    response.body.resize(response.body.size() - 1);
    return response;
  };
  const auto nothing = [](HubResponse response) {
    response.body.clear();
    return response;
  };
  ScriptWeights({truncated, nothing, nothing});
  const absl::Status status = Run().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("ended after 3145727 of 3145728 bytes"));
  ExpectNoVersion();
}

TEST_F(PullTest, WaitsAsLongAsTheServerAsks) {
  int num_requests = 0;
  hub_.SetHook([&](const HubRequest&) -> std::optional<HubResponse> {
    ++num_requests;
    if (num_requests == 1) return HubResponse{.status = 429, .headers = {{"Retry-After", "1"}}};
    if (num_requests == 2) return HubResponse{.status = 503};
    return std::nullopt;
  });
  ASSERT_TRUE(Run().ok());
  ASSERT_THAT(observer_.retries,
              ElementsAre(HasSubstr("127.0.0.1 replied 429"), HasSubstr("replied 503")));
  EXPECT_EQ(observer_.delays[0], absl::Seconds(1));
  EXPECT_LT(observer_.delays[1], absl::Milliseconds(100));
}

TEST_F(PullTest, SaysWhyTheHubRefuses) {
  const struct {
    int status;
    std::string error_code;
    std::string token;
    absl::StatusCode code;
    std::string message;
  } kCases[] = {
      {401, "RepoNotFound", "", absl::StatusCode::kUnauthenticated, "set HF_TOKEN"},
      {401, "", "hf_secret", absl::StatusCode::kUnauthenticated, "does not accept the token"},
      {403, "GatedRepo", "hf_secret", absl::StatusCode::kPermissionDenied,
       "ask for access at http://127.0.0.1"},
      {401, "GatedRepo", "", absl::StatusCode::kPermissionDenied, "set HF_TOKEN"},
      {404, "RevisionNotFound", "", absl::StatusCode::kNotFound, "has no revision main"},
      {404, "RepoNotFound", "", absl::StatusCode::kNotFound, "no my-org/my-gpt2@main on http"},
      {418, "", "", absl::StatusCode::kFailedPrecondition, "replied 418"},
      {500, "", "", absl::StatusCode::kUnavailable, "replied 500"},
  };
  for (const auto& c : kCases) {
    options_.hub.http.token = c.token;
    hub_.SetHook([&](const HubRequest&) {
      return HubResponse{.status = c.status,
                         .headers = {{"X-Error-Code", c.error_code},
                                     {"X-Error-Message", "so said \x1b[31mthe hub"}},
                         .body = "{}"};
    });
    const absl::Status status = Run().status();
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_THAT(Message(status), AllOf(HasSubstr(c.message), HasSubstr("so said \\x1b[31mthe hub"),
                                       Not(HasSubstr("hf_secret"))));
  }
  ExpectNoVersion();
}

TEST_F(PullTest, TheContentServerDoesNotGetTheToken) {
  options_.hub.http.token = "hf_secret";
  ScriptedHub content;
  content.SetHook([&](const HubRequest&) { return HubResponse{.body = weights_}; });
  ScriptWeights({[&](HubResponse) {
    return HubResponse{.status = 302, .headers = {{"Location", content.url() + "/blob?key=k"}}};
  }});
  ASSERT_TRUE(Run().ok());
  ASSERT_THAT(content.requests(), SizeIs(1));
  EXPECT_EQ(content.requests()[0].header("authorization"), "");
  for (const HubRequest& request : hub_.requests()) {
    EXPECT_EQ(request.header("authorization"), "Bearer hf_secret");
  }
}

TEST_F(PullTest, RefusesRepositoriesItCannotUse) {
  const struct {
    std::map<std::string, std::string> files;
    std::string message;
  } kCases[] = {
      {{{"config.json", "{}"}, {"vocab.txt", ""}, {"pytorch_model.bin", "\x80"}}, "a pickle"},
      {{{"config.json", R"({"architectures": ["BertForMaskedLM"]})"},
        {"vocab.txt", "x"},
        {"model.safetensors", weights_}},
       "it is a BertForMaskedLM, which neither generates"},
      {{{"config.json", "{}"}, {"vocab.txt", "x"}, {"model.safetensors", weights_}},
       "names no architecture"},
      {{{"config.json", "["}, {"vocab.txt", "x"}, {"model.safetensors", weights_}},
       "not a JSON object"},
  };
  for (const auto& c : kCases) {
    hub_.SetModel(kRepository, c.files);
    const absl::Status status = Run().status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(Message(status),
                AllOf(HasSubstr("cannot use my-org/my-gpt2@main: "), HasSubstr(c.message)));
    EXPECT_THAT(hub_.RequestsFor("model.safetensors"), IsEmpty());
  }
  ExpectNoVersion();
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

TEST_F(PullTest, DoesNotTrustTheListing) {
  const std::string good = hub_.Listing();
  const std::string other(40, 'd');
  options_.source.revision = hub_.commit();
  for (const std::string& listing :
       {std::string("{"), std::string(9 << 20, ' '), std::string("[[[["),
        nlohmann::json({{"sha", other}, {"siblings", nlohmann::json::array()}}).dump()}) {
    hub_.SetHook([&](const HubRequest&) { return HubResponse{.body = listing}; });
    EXPECT_FALSE(Run().ok());
  }
  ExpectNoVersion();
}

TEST_F(PullTest, AStopLeavesTheStoreAsItWas) {
  options_.hub.http.stall_timeout = absl::Minutes(10);
  ScriptWeights({[&](HubResponse response) {
    response.cut_after = 1000;
    response.stall = true;
    stop_.request_stop();
    return response;
  }});
  EXPECT_TRUE(absl::IsCancelled(Run().status()));
  ExpectNoVersion();
  stop_ = {};
  options_.hub.retry.first_delay = absl::Minutes(10);
  options_.hub.retry.max_delay = absl::Minutes(10);
  hub_.SetHook([&](const HubRequest&) {
    stop_.request_stop();
    return HubResponse{.status = 500};
  });
  EXPECT_TRUE(absl::IsCancelled(Run().status()));
  stop_ = {};
  hub_.SetHook(nullptr);
  EXPECT_TRUE(Run().ok());
}

TEST_F(PullTest, TwoAtOnceFetchItOnce) {
  RecordingObserver other;
  std::thread second;
  ScriptWeights({[&](HubResponse response) {
    // The first is at work; this one can only wait.
    second = std::thread([&] {
      ModelStore store{home_};
      const auto result = Pull(store, options_, other, {});
      EXPECT_TRUE(result.ok()) << result.status();
      EXPECT_TRUE(result->was_there);
    });
    return response;
  }});
  ASSERT_TRUE(Run().ok());
  second.join();
  EXPECT_THAT(hub_.RequestsFor("model.safetensors"), SizeIs(1));
  EXPECT_FALSE(HasPartialFiles());
}

}  // namespace
}  // namespace chorus
