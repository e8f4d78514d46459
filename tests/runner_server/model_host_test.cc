#include "runner_server/model_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "runner_server/engine/encoder_stepper.h"
#include "runner_server/engine/mailbox.h"
#include "tests/base/temp_directory.h"
#include "tests/runner_server/engine/recording_observer.h"
#include "tests/runner_server/model/golden.h"
#include "tests/runner_server/model/test_checkpoint.h"

namespace chorus::runner {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The first `num_lines` lines.
std::string Head(const std::string& text, int num_lines) {
  size_t end = 0;
  for (int i = 0; i < num_lines; ++i) end = text.find('\n', end) + 1;
  return text.substr(0, end);
}

class ModelHostTest : public ::testing::Test {
 protected:
  void CopyDemo(const std::string& name) {
    std::filesystem::copy(std::filesystem::path("models/demo") / name, folder_.path(),
                          std::filesystem::copy_options::recursive |
                              std::filesystem::copy_options::overwrite_existing);
  }
  std::string Get(const std::string& file) const { return GetFile(folder_ / file); }
  void Put(const std::string& file, std::string_view content) const {
    PutFile(folder_ / file, content);
  }
  absl::Status Load() { return ModelHost::Load({.directory = folder_.path()}, observer_).status(); }

  static absl::StatusOr<runner::v1::ClassifyResponse> Classify(
      ModelHost& host, const runner::v1::ClassifyRequest& request) {
    Mailbox<absl::StatusOr<runner::v1::ClassifyResponse>> end;
    const absl::Status submitted =
        dynamic_cast<ClassificationEngine&>(host.engine())
            .Submit(request, absl::InfiniteFuture(), {},
                    {.on_done = [&end](absl::StatusOr<runner::v1::ClassifyResponse> response) {
                      end.TryPush(response);
                    }});
    if (!submitted.ok()) return submitted;
    return *end.Take();
  }

  void ExpectRefused(const std::string& first, const std::string& second) {
    const absl::Status status = Load();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(folder_.path().native()), HasSubstr(first), HasSubstr(second),
                      HasSubstr("cut short")));
  }

  TempDirectory folder_;
  RecordingObserver observer_;
};

TEST_F(ModelHostTest, LoadsTheDemoModels) {
  for (const char* name : {"gpt2", "bert-sst2"}) {
    const auto host =
        ModelHost::Load({.directory = std::filesystem::path("models/demo") / name}, observer_);
    ASSERT_TRUE(host.ok()) << name << ": " << host.status();
    EXPECT_EQ((*host)->engine().info().bits(), chorus::v1::BITS_PER_REQUEST);
  }
}

// The scores are transformers' (5.24.0) with truncation=True.
TEST_F(ModelHostTest, CutsATextWhereHuggingFaceDoes) {
  CopyDemo("bert-sst2");
  for (const auto& [max_length, num_tokens, positive] :
       std::vector<std::tuple<std::string, uint32_t, double>>{{"512", 14, 1 - 0.8434348106384277},
                                                              {"8", 8, 0.9993651509284973}}) {
    Put("tokenizer_config.json", "{\"model_max_length\": " + max_length + "}");
    const auto host = ModelHost::Load({.directory = folder_.path()}, observer_);
    ASSERT_TRUE(host.ok()) << host.status();
    runner::v1::ClassifyRequest request;
    request.add_texts("a wonderful film that is in the end rather dull and stupid");
    const absl::StatusOr<runner::v1::ClassifyResponse> response = Classify(**host, request);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->results(0).text_tokens(), 14u);
    EXPECT_EQ(response->results(0).num_tokens(), num_tokens);
    EXPECT_NEAR(response->results(0).scores(1), positive, 1e-4);
  }
}

// From the text to the probabilities, and cut at the context, as transformers does.
TEST_F(ModelHostTest, ScoresTextsAsHuggingFaceDoes) {
  for (const char* name : {"random-distilbert", "random-roberta"}) {
    const Golden golden(name);
    const TempDirectory folder;
    std::filesystem::copy(
        "tests/testdata/tokenizer/folders/" + golden.json().at("tokenizer").get<std::string>(),
        folder.path());
    WriteRandomCheckpoint(golden, folder.path());
    const auto host = ModelHost::Load({.directory = folder.path()}, observer_);
    ASSERT_TRUE(host.ok()) << host.status();
    runner::v1::ClassifyRequest request;
    for (const nlohmann::json& text : golden.json().at("texts")) {
      request.add_texts(text.at("text").get<std::string>());
    }
    const absl::StatusOr<runner::v1::ClassifyResponse> response = Classify(**host, request);
    ASSERT_TRUE(response.ok()) << response.status();
    for (int i = 0; i < request.texts_size(); ++i) {
      const nlohmann::json& expected = golden.json().at("texts")[i];
      const runner::v1::Classification& result = response->results(i);
      EXPECT_EQ(result.text_tokens(), expected.at("text_tokens")) << name << ": " << i;
      EXPECT_EQ(result.num_tokens(), expected.at("num_tokens")) << name << ": " << i;
      for (int label = 0; label < 3; ++label) {
        EXPECT_NEAR(result.scores(label), expected.at("probabilities")[label], 1e-4)
            << name << ": " << request.texts(i);
      }
    }
  }
}

TEST_F(ModelHostTest, RefusesAVocabTxtThatWasCutShort) {
  CopyDemo("bert-sst2");
  const std::string vocab = Get("vocab.txt");
  for (const int num_lines : {30521, 20000}) {
    std::string cut = Head(vocab, num_lines);
    cut.pop_back();  // Within its last line; whole lines may be all there are.
    Put("vocab.txt", cut);
    ExpectRefused("the vocabulary has " + std::to_string(num_lines) + " tokens",
                  "vocab_size in config.json is 30522");
  }
}

// As Qwen2's is, of 151,936 rows for 151,665 tokens.
TEST_F(ModelHostTest, TakesAnEmbeddingThatHasRowsForTokensToCome) {
  CopyDemo("bert-sst2");
  nlohmann::json config = nlohmann::json::parse(Get("config.json"));
  const auto load = [&](int num_rows) {
    config["vocab_size"] = num_rows;
    Put("config.json", config.dump());
    WriteSafetensors(folder_ / "model.safetensors", RandomBert(config));
    return Load();
  };
  EXPECT_TRUE(load(30656).ok()) << Load();  // 134 rows more than tokens, of a multiple of 64.
  EXPECT_TRUE(load(30784).ok()) << Load();  // More than padding explains.
  EXPECT_TRUE(load(30464).ok()) << Load();  // And a vocabulary with tokens of its own.
  EXPECT_THAT(std::string(load(96).message()),
              AllOf(HasSubstr("\"[CLS]\" has id 101"), HasSubstr("around every text")));
}

TEST_F(ModelHostTest, RefusesMergesThatWereCutShort) {
  CopyDemo("gpt2");
  const std::string merges = Get("merges.txt");
  Put("merges.txt", Head(merges, 7001));
  ExpectRefused("there are 7000 merges", "the vocabulary of 8192 tokens needs 935 more");
  Put("merges.txt", merges.substr(0, merges.size() / 2));  // In the middle of a line.
  ExpectRefused("merges, and the vocabulary of 8192 tokens needs", "more, the first to make");
  Put("merges.txt", merges.substr(0, merges.size() - 1));  // As whole as transformers takes it.
  EXPECT_TRUE(Load().ok()) << Load();
}

}  // namespace
}  // namespace chorus::runner
