// Small models in the layout of sentence-transformers beside that library, from texts to vectors
// (tools/golden/make_sentence_golden.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "runner_server/engine/encoder_stepper.h"
#include "runner_server/engine/mailbox.h"
#include "runner_server/model_host.h"
#include "tests/base/temp_directory.h"
#include "tests/runner_server/engine/recording_observer.h"
#include "tests/runner_server/model/golden.h"
#include "tests/runner_server/model/test_checkpoint.h"

namespace chorus::runner {
namespace {

namespace fs = std::filesystem;
using Response = runner::v1::EmbedResponse;

class SentenceGoldenTest : public testing::TestWithParam<const char*> {
 protected:
  SentenceGoldenTest() {
    const nlohmann::json& json = golden_.json();
    const fs::path own = folder_.path() / json.at("transformer").get<std::string>();
    fs::create_directories(own);
    fs::copy("tests/testdata/tokenizer/folders/" + json.at("tokenizer").get<std::string>(), own);
    PutFile(own / "config.json", json.at("config").dump());
    for (const auto& [name, content] : json.at("files").items()) {
      PutFile(folder_ / name, content.dump());
    }
    for (const auto& [below, rows] : json.at("tensors").items()) {
      std::vector<TestTensor> tensors;
      for (const nlohmann::json& row : rows) {
        tensors.push_back(
            RandomTensor(row.at("name"), row.at("shape"), row.at("offset"), row.at("exponent")));
      }
      WriteSafetensors(folder_.path() / below / "model.safetensors", tensors);
    }
  }

  void Load() {
    absl::StatusOr<std::unique_ptr<ModelHost>> host =
        ModelHost::Load({.directory = folder_.path()}, observer_);
    ASSERT_TRUE(host.ok()) << host.status();
    host_ = *std::move(host);
  }

  Response Embed(const std::vector<std::string>& texts) {
    runner::v1::EmbedRequest request;
    request.mutable_texts()->Add(texts.begin(), texts.end());
    Mailbox<absl::StatusOr<Response>> end;
    const absl::Status submitted =
        dynamic_cast<EmbeddingEngine&>(host_->engine())
            .Submit(
                request, absl::InfiniteFuture(), {},
                {.on_done = [&end](absl::StatusOr<Response> response) { end.TryPush(response); }});
    EXPECT_TRUE(submitted.ok()) << submitted;
    const absl::StatusOr<Response> response = *end.Take();
    EXPECT_TRUE(response.ok()) << response.status();
    return *response;
  }

  const Golden golden_{std::string("sentence-") + GetParam()};
  const TempDirectory folder_;
  RecordingObserver observer_;
  std::unique_ptr<ModelHost> host_;
};

TEST_P(SentenceGoldenTest, VectorsEqualTheLibrarys) {
  Load();
  const std::vector<std::string> texts = golden_.json().at("texts");
  const Response together = Embed(texts);
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto& values = together.results(static_cast<int>(i)).values();
    const std::vector<float> expected = golden_.Floats("vectors." + std::to_string(i));
    ASSERT_EQ(values.size(), std::ssize(expected));
    double difference = 0, largest = 0;
    for (size_t j = 0; j < expected.size(); ++j) {
      difference =
          std::max(difference, std::abs(double{values[static_cast<int>(j)]} - expected[j]));
      largest = std::max(largest, std::abs(double{expected[j]}));
    }
    EXPECT_LE(difference, 1e-4 * largest) << "text " << i;
    EXPECT_THAT(Embed({texts[i]}).results(0).values(), testing::ElementsAreArray(values));
  }
}

TEST_P(SentenceGoldenTest, TellsItsPrompt) {
  Load();
  const nlohmann::json& files = golden_.json().at("files");
  const auto found = files.find("config_sentence_transformers.json");
  EXPECT_EQ(host_->engine().info().prompt(),
            found == files.end() ? "" : found->at("prompts").at("query").get<std::string>());
}

INSTANTIATE_TEST_SUITE_P(Models, SentenceGoldenTest,
                         testing::Values("prompt", "unpooled", "dense", "bytes", "residual"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace chorus::runner
