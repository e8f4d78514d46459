// Which head LoadModel gives a model.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "tests/base/temp_directory.h"
#include "tests/runner_server/model/load_model_fixture.h"
#include "tests/runner_server/model/test_checkpoint.h"

namespace chorus::runner {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class LoadHeadTest : public LoadModelFixture {};

TEST_F(LoadHeadTest, TellsWhatToDoWithABertThatHasNoHead) {
  std::vector<TestTensor> tensors = RandomBert(SmallBert());
  tensors.resize(tensors.size() - 2);  // classifier.weight and .bias
  Write(SmallBert(), tensors);
  ExpectFailure(absl::StatusCode::kFailedPrecondition,
                AllOf(HasSubstr("no classification head"), HasSubstr("Fine-tune it"),
                      HasSubstr("--untrained_head SEED")));

  nlohmann::json config = SmallBert();
  config.erase("model_type");
  for (const std::string family : {"Bert", "DistilBert", "Roberta"}) {
    config["architectures"] = {family + "ForQuestionAnswering"};
    Write(config, tensors);
    ExpectFailure(
        absl::StatusCode::kFailedPrecondition,
        AllOf(HasSubstr("config.json: this model is a " + family + "ForQuestionAnswering"),
              HasSubstr("Fine-tune it as a " + family + "ForSequenceClassification")));
  }
}

// What the weights of a headless model are called, `prefix` "bert." or none.
std::vector<TestTensor> HeadlessBert(const nlohmann::json& config, const std::string& prefix) {
  std::vector<TestTensor> tensors = RandomBert(config);
  tensors.resize(tensors.size() - 2);  // classifier.weight and .bias
  for (TestTensor& tensor : tensors) tensor.name = prefix + tensor.name.substr(5);
  return tensors;
}

std::vector<float> Forward(LoadedModel& loaded, const std::vector<int32_t>& ids = {1, 2, 3}) {
  const SequenceEncoder::Row row(ids);
  const auto values = std::get<std::unique_ptr<SequenceEncoder>>(loaded.model)->Forward({&row, 1});
  return {values.begin(), values.end()};
}

TEST_F(LoadHeadTest, AHeadlessEncoderEmbeds) {
  nlohmann::json config = SmallBert();
  std::vector<float> expected;
  for (const auto& [name, prefix] : std::vector<std::pair<std::string, std::string>>{
           {"BertModel", ""}, {"BertModel", "bert."}, {"BertForMaskedLM", "bert."}}) {
    config["architectures"] = {name};
    Write(config, HeadlessBert(config, prefix));
    absl::StatusOr<LoadedModel> loaded = Load();
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(loaded->architecture, name);
    const Head& head = std::get<std::unique_ptr<SequenceEncoder>>(loaded->model)->head();
    ASSERT_TRUE(std::holds_alternative<EmbeddingHead>(head));
    EXPECT_EQ(std::get<EmbeddingHead>(head).pooling, Pooling::kMean);
    EXPECT_FALSE(std::get<EmbeddingHead>(head).normalizes);
    const std::vector<float> vector = Forward(*loaded);
    EXPECT_EQ(vector.size(), config["hidden_size"].get<size_t>());
    if (expected.empty()) expected = vector;
    EXPECT_EQ(vector, expected);
  }
  config.erase("architectures");
  Write(config, HeadlessBert(config, ""));
  absl::StatusOr<LoadedModel> loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(Forward(*loaded), expected);
}

TEST_F(LoadHeadTest, AnEmbedderPoolsAsItIsTold) {
  nlohmann::json config = SmallBert();
  config["architectures"] = {"BertModel"};
  Write(config, HeadlessBert(config, ""));
  std::vector<std::vector<float>> vectors;
  for (const Pooling pooling : {Pooling::kMean, Pooling::kFirstToken, Pooling::kPooler}) {
    absl::StatusOr<LoadedModel> loaded = Load({.pooling = pooling});
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    vectors.push_back(Forward(*loaded));
    EXPECT_EQ(vectors.back().size(), vectors[0].size());
  }
  EXPECT_NE(vectors[0], vectors[1]);
  EXPECT_NE(vectors[1], vectors[2]);
  for (const float value : vectors[2]) EXPECT_LT(std::abs(value), 1);  // Behind a tanh.
}

// Of the first tokens none, some, or all that there are.
TEST_F(LoadHeadTest, AMeanLeavesFirstTokensOut) {
  nlohmann::json config = SmallBert();
  config["architectures"] = {"BertModel"};
  Write(config, HeadlessBert(config, ""));
  absl::StatusOr<LoadedModel> mean = Load();
  absl::StatusOr<LoadedModel> first = Load({.pooling = Pooling::kFirstToken});
  ASSERT_TRUE(mean.ok() && first.ok()) << mean.status();
  const std::vector<int32_t> ids = {1, 2, 3, 4}, other = {5, 6, 7};
  const auto forward = [&](LoadedModel& loaded, int num_unpooled) {
    const std::vector<SequenceEncoder::Row> rows = {SequenceEncoder::Row(other),
                                                    SequenceEncoder::Row(ids, {}, num_unpooled)};
    const std::span<const float> values =
        std::get<std::unique_ptr<SequenceEncoder>>(loaded.model)->Forward(rows);
    return std::vector<float>(values.begin() + 8, values.end());
  };
  const std::vector<float> all = forward(*mean, 0), rest = forward(*mean, 1);
  const std::vector<float> cls = forward(*first, 0);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_NEAR(4 * all[i] - cls[i], 3 * rest[i], 1e-5);
  EXPECT_EQ(forward(*first, 1), cls);
  EXPECT_EQ(forward(*mean, 4), std::vector<float>(8));
  EXPECT_EQ(forward(*mean, 5), std::vector<float>(8));
}

// Each a file of its own, in a folder of the model's.
TEST_F(LoadHeadTest, DenseLayersFollowThePooling) {
  nlohmann::json config = SmallBert();
  config["architectures"] = {"BertModel"};
  Write(config, HeadlessBert(config, "bert."));
  absl::StatusOr<LoadedModel> plain = Load();
  ASSERT_TRUE(plain.ok()) << plain.status();
  const std::vector<float> pooled = Forward(*plain);

  PutFile(directory_.path() / "modules.json",
          R"([{"type": "x.Transformer", "path": ""}, {"type": "x.Pooling", "path": "1_Pooling"},
              {"type": "x.Dense", "path": "2_Dense"}])");
  PutFile(directory_.path() / "1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true})");
  PutFile(directory_.path() / "2_Dense/config.json", R"({"in_features": 8, "out_features": 3})");
  const std::filesystem::path file = directory_.path() / "2_Dense/model.safetensors";
  ExpectFailure(absl::StatusCode::kNotFound, HasSubstr("2_Dense: no model.safetensors"));
  TestTensor weight = RandomTensor("linear.weight", {3, 8}, 0, -16);
  WriteSafetensors(file, {weight});
  ExpectFailure(absl::StatusCode::kInvalidArgument, HasSubstr("missing: 2_Dense.linear.bias"));
  WriteSafetensors(file, {weight, {"linear.bias", {3}, {0.5f, 0, -1}}});
  absl::StatusOr<LoadedModel> loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const std::vector<float> vector = Forward(*loaded);
  ASSERT_EQ(vector.size(), 3u);
  for (int row = 0; row < 3; ++row) {
    double sum = row == 0 ? 0.5 : row == 1 ? 0 : -1;
    for (int i = 0; i < 8; ++i) sum += double{weight.values[row * 8 + i]} * pooled[i];
    EXPECT_NEAR(vector[row], std::tanh(sum), 1e-5);
  }

  PutFile(directory_.path() / "2_Dense/config.json",
          R"({"in_features": 8, "out_features": 3, "bias": false, "use_residual": true})");
  WriteSafetensors(file, {weight});
  ExpectFailure(absl::StatusCode::kInvalidArgument, HasSubstr("missing: 2_Dense.residual.weight"));
  const TestTensor residual = RandomTensor("residual.weight", {3, 8}, 0, -16);
  WriteSafetensors(file, {weight, residual});
  absl::StatusOr<LoadedModel> adding = Load();
  ASSERT_TRUE(adding.ok()) << adding.status();
  const std::vector<float> sums = Forward(*adding);
  for (int row = 0; row < 3; ++row) {
    double sum = 0, added = 0;
    for (int i = 0; i < 8; ++i) {
      sum += double{weight.values[row * 8 + i]} * pooled[i];
      added += double{residual.values[row * 8 + i]} * pooled[i];
    }
    EXPECT_NEAR(sums[row], std::tanh(sum) + added, 1e-5);
  }
}

TEST_F(LoadHeadTest, AnUntrainedHeadIsAFunctionOfItsSeed) {
  nlohmann::json config = SmallBert();
  config["architectures"] = {"BertForMaskedLM"};
  config["id2label"] = {{"0", "A"}, {"1", "B"}, {"2", "C"}};
  Write(config, HeadlessBert(config, "bert."));
  std::vector<std::vector<float>> logits;
  for (const uint64_t seed : {7, 7, 8}) {
    absl::StatusOr<LoadedModel> loaded = Load({.untrained_head = seed});
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const auto& model = *std::get<std::unique_ptr<SequenceEncoder>>(loaded->model);
    EXPECT_EQ(std::get<ClassificationHead>(model.head()).untrained_seed, seed);
    EXPECT_THAT(model.labels(), testing::ElementsAre("A", "B", "C"));
    logits.push_back(Forward(*loaded));
  }
  EXPECT_EQ(logits[0].size(), 3u);
  EXPECT_EQ(logits[0], logits[1]);
  EXPECT_NE(logits[0], logits[2]);
}

// Also a classifier that was saved without its head, and without a pooler.
TEST_F(LoadHeadTest, AnUntrainedHeadReplacesWhatIsMissingAlone) {
  std::vector<TestTensor> tensors = RandomBert(SmallBert());
  Write(SmallBert(), tensors);
  absl::StatusOr<LoadedModel> whole = Load({.untrained_head = 7});
  absl::StatusOr<LoadedModel> plain = Load();
  ASSERT_TRUE(whole.ok() && plain.ok()) << whole.status();
  EXPECT_EQ(Forward(*whole), Forward(*plain));
  EXPECT_FALSE(
      std::get<ClassificationHead>(std::get<std::unique_ptr<SequenceEncoder>>(whole->model)->head())
          .untrained_seed.has_value());
  tensors.resize(tensors.size() - 4);  // The pooler's too.
  Write(SmallBert(), tensors);
  absl::StatusOr<LoadedModel> headless = Load({.untrained_head = 7});
  ASSERT_TRUE(headless.ok()) << headless.status();
  EXPECT_NE(Forward(*headless), Forward(*plain));
  tensors = RandomBert(SmallBert());
  tensors.resize(tensors.size() - 3);  // The pooler's weight without its bias.
  Write(SmallBert(), tensors);
  EXPECT_EQ(Load({.untrained_head = 7}).status().code(), absl::StatusCode::kInvalidArgument);
}

// The head of a task that Chorus does not run has the name of a classifier's.
TEST_F(LoadHeadTest, AnotherTasksHeadIsNotRead) {
  nlohmann::json config = SmallBert();
  std::vector<TestTensor> tensors = RandomBert(config);
  for (const char* name :
       {"BertForTokenClassification", "BertForQuestionAnswering", "BertForMultipleChoice"}) {
    config["architectures"] = {name};
    Write(config, tensors);
    absl::StatusOr<LoadedModel> classifier = Load({.untrained_head = 7});
    ASSERT_TRUE(classifier.ok()) << classifier.status();
    EXPECT_EQ(classifier->other_head, name);
    const auto& model = *std::get<std::unique_ptr<SequenceEncoder>>(classifier->model);
    EXPECT_EQ(std::get<ClassificationHead>(model.head()).untrained_seed, 7u);
    config["architectures"] = {"BertModel"};
    Write(config, HeadlessBert(config, "bert."));
    absl::StatusOr<LoadedModel> headless = Load({.untrained_head = 7});
    ASSERT_TRUE(headless.ok()) << headless.status();
    EXPECT_EQ(Forward(*classifier), Forward(*headless));

    absl::StatusOr<LoadedModel> plain = Load({.pooling = Pooling::kMean});
    config["architectures"] = {name};
    Write(config, tensors);
    absl::StatusOr<LoadedModel> embedder = Load({.pooling = Pooling::kMean});
    ASSERT_TRUE(plain.ok() && embedder.ok()) << embedder.status();
    EXPECT_EQ(embedder->other_head, name);
    EXPECT_EQ(Forward(*embedder), Forward(*plain));
  }
}

// One of another size, as a tagger has for its labels, and none of the pooler, as of answers.
TEST_F(LoadHeadTest, AnotherTasksHeadMayHaveAnotherShape) {
  nlohmann::json config = SmallBert();
  std::vector<TestTensor> tensors = RandomBert(config);
  tensors.resize(tensors.size() - 4);
  tensors.push_back({"classifier.weight", {1, 8}, std::vector<float>(8, 0.5f)});
  tensors.push_back({"classifier.bias", {1}, {0.5f}});
  config["architectures"] = {"BertFor\x1b[2J"};
  Write(config, tensors);
  EXPECT_EQ(Load({.untrained_head = 7}).status().code(), absl::StatusCode::kInvalidArgument);
  config["architectures"] = {"BertForTokenClassification"};
  Write(config, tensors);
  absl::StatusOr<LoadedModel> loaded = Load({.untrained_head = 7});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(Forward(*loaded).size(), 2u);
}

TEST_F(LoadHeadTest, AModelWithoutAPoolerDoesNotPoolByIt) {
  const nlohmann::json config = {{"architectures", {"DistilBertModel"}},
                                 {"dim", 8},
                                 {"n_heads", 2},
                                 {"n_layers", 1},
                                 {"hidden_dim", 8},
                                 {"vocab_size", 11},
                                 {"max_position_embeddings", 5}};
  Write(config, {});
  const absl::Status status = Load({.pooling = Pooling::kPooler}).status();
  EXPECT_EQ(status.message(), "a DistilBertModel has no pooler: its pooling is mean or cls");
}

// As in transformers, whether config.json says so or GPT-2's default.
TEST_F(LoadHeadTest, OfATiedHeadTheEmbeddingCounts) {
  nlohmann::json config = SmallGpt2();
  std::vector<TestTensor> tensors = RandomGpt2(config);
  const auto logits = [&] {
    Write(config, tensors);
    const absl::StatusOr<LoadedModel> loaded = Load();
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    const std::vector<int32_t> ids = {1, 2, 3};
    const LanguageModel::Row row = {.slot = 0, .start = 0, .tokens = ids, .wants_logits = true};
    const auto values = std::get<std::unique_ptr<LanguageModel>>(loaded->model)->Forward({&row, 1});
    return std::vector<float>(values.begin(), values.end());
  };
  const std::vector<float> tied = logits();
  tensors.push_back({"lm_head.weight", {20, 8}, std::vector<float>(160, 0.5f)});
  EXPECT_EQ(logits(), tied);
  config["tie_word_embeddings"] = true;
  EXPECT_EQ(logits(), tied);
  config["tie_word_embeddings"] = false;
  EXPECT_NE(logits(), tied);
}

}  // namespace
}  // namespace chorus::runner
