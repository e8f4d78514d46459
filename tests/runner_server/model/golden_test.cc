// Compares with Hugging Face transformers, fp32, eager attention.
#include "tests/runner_server/model/golden.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <variant>
#include <vector>

#include "runner_server/model/dtype.h"
#include "runner_server/model/load_model.h"
#include "tests/parity/token_runs.h"
#include "tests/runner_server/model/executor_under_test.h"
#include "tests/runner_server/model/test_checkpoint.h"

namespace chorus::runner {
namespace {

std::unique_ptr<LanguageModel> LoadGenerator(const std::filesystem::path& directory,
                                             Precision precision = Precision::kFloat32) {
  absl::StatusOr<LoadedModel> loaded = LoadModel(
      directory, UnderTest({.precision = precision, .num_threads = 2, .num_kv_slots = 64}));
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return std::get<std::unique_ptr<LanguageModel>>(std::move(loaded->model));
}

std::unique_ptr<SequenceEncoder> LoadClassifier(const std::filesystem::path& directory,
                                                Precision precision = Precision::kFloat32) {
  absl::StatusOr<LoadedModel> loaded =
      LoadModel(directory, UnderTest({.precision = precision, .num_threads = 2}));
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return std::get<std::unique_ptr<SequenceEncoder>>(std::move(loaded->model));
}

void ExpectGoldenLogits(const Golden& golden, LanguageModel& model) {
  const nlohmann::json& cases = golden.json().at("logits");
  for (size_t i = 0; i < cases.size(); ++i) {
    const Ids ids = cases[i].at("ids");
    const LanguageModel::Row row = {.slot = 0, .start = 0, .tokens = ids, .wants_logits = true};
    ExpectLogits(golden, i, model.Forward({&row, 1}));
  }
}

void ExpectGoldenLogits(const Golden& golden, SequenceEncoder& model) {
  const nlohmann::json& cases = golden.json().at("logits");
  for (size_t i = 0; i < cases.size(); ++i) {
    const Ids ids = cases[i].at("ids");
    const SequenceEncoder::Row row(ids);
    ExpectLogits(golden, i, model.Forward({&row, 1}));
  }
}

// The texts of all cases as one batch.
std::vector<float> LogitsOfBatch(const Golden& golden, SequenceEncoder& model) {
  std::vector<Ids> texts;
  for (const nlohmann::json& entry : golden.json().at("logits")) texts.push_back(entry.at("ids"));
  const std::vector<SequenceEncoder::Row> rows(texts.begin(), texts.end());
  const std::span<const float> logits = model.Forward(rows);
  return {logits.begin(), logits.end()};
}

class GeneratorGoldenTest : public testing::TestWithParam<const char*> {
 protected:
  const Golden golden_{GetParam()};
  const std::unique_ptr<LanguageModel> model_ =
      LoadGenerator(std::string("models/demo/") + GetParam());
};

TEST_P(GeneratorGoldenTest, LogitsEqualHuggingFace) {
  ASSERT_EQ(golden_.json().at("logits").size(), 7u);
  ExpectGoldenLogits(golden_, *model_);
}

TEST_P(GeneratorGoldenTest, GreedyTextsEqualHuggingFaceTokenForToken) {
  std::vector<Ids> prompts, expected;
  std::vector<size_t> num_tokens;
  for (const nlohmann::json& text : golden_.json().at("greedy")) {
    prompts.push_back(text.at("ids"));
    expected.push_back(text.at("new_ids"));
    num_tokens.push_back(expected.back().size());
  }
  ASSERT_EQ(prompts.size(), 50u);
  EXPECT_EQ(ContinueGreedily(*model_, prompts, num_tokens), expected);
}

INSTANTIATE_TEST_SUITE_P(DemoModels, GeneratorGoldenTest,
                         testing::Values("gpt2", "distilgpt2", "gpt2-medium"));

TEST(ClassifierGoldenTest, ProbabilitiesEqualHuggingFace) {
  const Golden golden("bert-sst2");
  const auto model = LoadClassifier("models/demo/bert-sst2");
  EXPECT_THAT(model->labels(), testing::ElementsAre("NEGATIVE", "POSITIVE"));
  std::vector<Ids> ids;
  for (const nlohmann::json& row : golden.json().at("rows")) ids.push_back(row.at("ids"));
  ASSERT_GE(ids.size(), 100u);
  const std::vector<SequenceEncoder::Row> rows(ids.begin(), ids.end());
  const std::span<const float> logits = model->Forward(rows);
  ASSERT_EQ(logits.size(), 2 * ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    const double positive =
        1 / (1 + std::exp(static_cast<double>(logits[2 * i]) - logits[2 * i + 1]));
    const auto& expected = golden.json().at("rows")[i].at("probabilities");
    EXPECT_NEAR(positive, expected[1].get<double>(), 1e-5) << "row " << i;
    EXPECT_NEAR(1 - positive, expected[0].get<double>(), 1e-5) << "row " << i;
  }
}

TEST(RealWidthGoldenTest, Gpt2LogitsEqualHuggingFace) {
  const Golden golden("random-gpt2");
  const TemporaryDirectory directory("random_gpt2");
  WriteRandomCheckpoint(golden, directory.path());
  const auto model = LoadGenerator(directory.path());
  ExpectGoldenLogits(golden, *model);
}

TEST(RealWidthGoldenTest, BertLogitsEqualHuggingFace) {
  const Golden golden("random-bert");
  const TemporaryDirectory directory("random_bert");
  WriteRandomCheckpoint(golden, directory.path());
  const auto model = LoadClassifier(directory.path());
  ExpectGoldenLogits(golden, *model);
}

// Classifiers of a few thousand weights, one of each further architecture.
class SmallGoldenTest : public testing::TestWithParam<const char*> {};

TEST_P(SmallGoldenTest, LogitsEqualHuggingFace) {
  const Golden golden(GetParam());
  const TemporaryDirectory directory("small_golden");
  WriteRandomCheckpoint(golden, directory.path());
  const auto model = LoadClassifier(directory.path());
  EXPECT_THAT(model->labels(), testing::ElementsAre("A", "B", "C"));
  ExpectGoldenLogits(golden, *model);
  const std::vector<float> batch = LogitsOfBatch(golden, *model);
  for (size_t i = 0; i < golden.json().at("logits").size(); ++i) {
    ExpectLogits(golden, i, std::span(batch).subspan(3 * i, 3));
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, SmallGoldenTest,
                         testing::Values("random-distilbert", "random-roberta"));

// How far a narrow precision may be from Hugging Face's fp32, as max|difference| / max|reference|.
struct Narrow {
  Precision precision;
  double tolerance;
};

class NarrowGoldenTest : public testing::TestWithParam<Narrow> {
 protected:
  void SetUp() override {
    if (!std::ranges::count(PrecisionsUnderTest(), GetParam().precision)) {
      GTEST_SKIP() << "the executor does not have it";
    }
  }
};

TEST_P(NarrowGoldenTest, StaysNearHuggingFace) {
  for (const char* name : {"gpt2", "distilgpt2", "gpt2-medium"}) {
    const Golden golden(name);
    const auto model = LoadGenerator(std::string("models/demo/") + name, GetParam().precision);
    const nlohmann::json& cases = golden.json().at("logits");
    for (size_t i = 0; i < cases.size(); ++i) {
      const Ids ids = cases[i].at("ids");
      const LanguageModel::Row row = {.slot = 0, .start = 0, .tokens = ids, .wants_logits = true};
      EXPECT_LE(LogitsDistance(golden, i, model->Forward({&row, 1})), GetParam().tolerance)
          << name << " case " << i;
    }
  }
  const Golden golden("bert-sst2");
  const auto model = LoadClassifier("models/demo/bert-sst2", GetParam().precision);
  for (const nlohmann::json& row : golden.json().at("rows")) {
    const Ids ids = row.at("ids");
    const SequenceEncoder::Row text(ids);
    const std::span<const float> logits = model->Forward({&text, 1});
    const double positive = 1 / (1 + std::exp(static_cast<double>(logits[0]) - logits[1]));
    EXPECT_NEAR(positive, row.at("probabilities")[1].get<double>(), GetParam().tolerance);
  }
  for (const char* name : {"random-distilbert", "random-roberta"}) {
    const Golden golden(name);
    const TemporaryDirectory directory("narrow_golden");
    WriteRandomCheckpoint(golden, directory.path());
    const auto model = LoadClassifier(directory.path(), GetParam().precision);
    const std::vector<float> batch = LogitsOfBatch(golden, *model);
    for (size_t i = 0; i < golden.json().at("logits").size(); ++i) {
      EXPECT_LE(LogitsDistance(golden, i, std::span(batch).subspan(3 * i, 3)), GetParam().tolerance)
          << name << " case " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Precisions, NarrowGoldenTest,
    testing::Values(Narrow{Precision::kBfloat16, 0.02}, Narrow{Precision::kFloat16, 0.005},
                    Narrow{Precision::kInt8, 0.1}, Narrow{Precision::kInt8WeightOnly, 0.1}),
    [](const auto& info) { return std::string(DtypeName(info.param.precision)); });

}  // namespace
}  // namespace chorus::runner
