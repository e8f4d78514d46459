// A tiny random model of each family of generators beside Hugging Face transformers, fp32, eager
// attention: of widths that fit no vector, panel or key block (tools/golden/make_family_golden.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "runner_server/model/dtype.h"
#include "runner_server/model/load_model.h"
#include "tests/parity/token_runs.h"
#include "tests/runner_server/model/executor_under_test.h"
#include "tests/runner_server/model/golden.h"
#include "tests/runner_server/model/test_checkpoint.h"

namespace chorus::runner {
namespace {

// How far logits may be from Hugging Face's, as max|difference| / max|reference|.
double Tolerance(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return 1e-4;
    case Precision::kBfloat16:
      return 0.1;
    default:
      return 0.3;
  }
}

class FamilyTest : public testing::TestWithParam<std::tuple<const char*, Precision>> {
 protected:
  FamilyTest() {
    WriteRandomCheckpoint(golden_, directory_.path());
    model_ = Load(/*num_threads=*/2);
    for (const nlohmann::json& entry : golden_.json().at("logits")) {
      texts_.push_back(entry.at("ids"));
    }
  }

  Precision precision() const { return std::get<1>(GetParam()); }
  std::unique_ptr<LanguageModel> Load(int num_threads) const {
    absl::StatusOr<LoadedModel> loaded = LoadModel(
        directory_.path(),
        UnderTest({.precision = precision(), .num_threads = num_threads, .num_kv_slots = 32}));
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return std::get<std::unique_ptr<LanguageModel>>(std::move(loaded->model));
  }

  const Golden golden_{std::get<0>(GetParam())};
  const TemporaryDirectory directory_{"family_golden"};
  std::unique_ptr<LanguageModel> model_;
  std::vector<Ids> texts_;
};

TEST_P(FamilyTest, LogitsEqualHuggingFace) {
  ASSERT_GE(texts_.size(), 5u);
  for (size_t i = 0; i < texts_.size(); ++i) {
    const Logits logits = LogitsAfter(*model_, texts_[i], static_cast<int>(texts_[i].size()));
    EXPECT_LE(LogitsDistance(golden_, i, logits), Tolerance(precision())) << "case " << i;
  }
}

TEST_P(FamilyTest, GreedyTextsEqualHuggingFaceTokenForToken) {
  if (precision() != Precision::kFloat32) GTEST_SKIP() << "rounded weights choose other tokens";
  std::vector<Ids> prompts, expected;
  std::vector<size_t> num_tokens;
  for (const nlohmann::json& text : golden_.json().at("greedy")) {
    prompts.push_back(text.at("ids"));
    expected.push_back(text.at("new_ids"));
    num_tokens.push_back(expected.back().size());
  }
  ASSERT_EQ(prompts.size(), 20u);
  EXPECT_EQ(ContinueGreedily(*model_, prompts, num_tokens), expected);
}

TEST_P(FamilyTest, CompanyPassesAndThreadsDoNotChangeABit) {
  const auto alone = Load(/*num_threads=*/1);
  const std::vector<Logits> batch = LogitsOfBatch(*model_, texts_);
  for (size_t i = 0; i < texts_.size(); ++i) {
    const Logits whole = LogitsAfter(*alone, texts_[i], static_cast<int>(texts_[i].size()));
    EXPECT_TRUE(IsSame(*model_, precision(), batch[i], whole)) << "case " << i;
    for (const int chunk : {1, 5, 16}) {
      EXPECT_TRUE(IsSame(*model_, precision(), LogitsAfter(*model_, texts_[i], chunk), whole))
          << "case " << i << " by " << chunk;
    }
  }
}

TEST_P(FamilyTest, ACopiedPrefixIsAsGoodAsOneThatRan) {
  const Ids& text = texts_.back();
  const int length = static_cast<int>(text.size());
  const Logits expected = LogitsAfter(*model_, text, length);
  for (const int copied : {1, length / 2, length - 1}) {
    model_->CopyPrefix(/*from_slot=*/0, /*to_slot=*/1, copied);
    const LanguageModel::Row row = {.slot = 1,
                                    .start = copied,
                                    .tokens = std::span(text).subspan(copied),
                                    .wants_logits = true};
    const std::span<const float> logits = model_->Forward({&row, 1});
    EXPECT_TRUE(IsSame(*model_, precision(), logits, expected)) << copied;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Families, FamilyTest,
    testing::Combine(testing::Values("family-gpt2", "family-gpt_neo", "family-gpt_neox",
                                     "family-gpt_neox_odd", "family-opt", "family-opt_350m",
                                     "family-llama", "family-llama_relu2", "family-mistral",
                                     "family-qwen2", "family-qwen3", "family-phi3", "family-gemma2",
                                     "family-gemma3"),
                     testing::ValuesIn(PrecisionsUnderTest())),
    [](const auto& info) {
      return std::string(std::get<0>(info.param)).substr(7) + "_" +
             std::string(DtypeName(std::get<1>(info.param)));
    });

}  // namespace
}  // namespace chorus::runner
