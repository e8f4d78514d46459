#include "runner_server/model/load_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/runner_server/model/test_checkpoint.h"

namespace chorus::runner {
namespace {

using testing::AllOf;
using testing::HasSubstr;

nlohmann::json SmallGpt2() {
  return {{"architectures", {"GPT2LMHeadModel"}},
          {"model_type", "gpt2"},
          {"n_embd", 8},
          {"n_head", 2},
          {"n_layer", 1},
          {"n_positions", 10},
          {"vocab_size", 20},
          {"bos_token_id", 3},
          {"eos_token_id", 4}};
}

nlohmann::json SmallBert() {
  return {{"architectures", {"BertForSequenceClassification"}},
          {"model_type", "bert"},
          {"hidden_size", 8},
          {"num_attention_heads", 2},
          {"intermediate_size", 12},
          {"num_hidden_layers", 1},
          {"max_position_embeddings", 10},
          {"vocab_size", 20}};
}

class LoadModelTest : public testing::Test {
 protected:
  void Write(const nlohmann::json& config, const std::vector<TestTensor>& tensors) {
    WriteConfig(directory_.path(), config);
    WriteSafetensors(directory_.path() / "model.safetensors", tensors);
  }
  absl::StatusOr<LoadedModel> Load(const ModelOptions& options = {}) {
    return LoadModel(directory_.path(), options);
  }
  void ExpectFailure(absl::StatusCode code, const testing::Matcher<std::string>& message) {
    const absl::Status status = Load().status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), message);
  }

  const TemporaryDirectory directory_{"load_model_test"};
};

TEST_F(LoadModelTest, LoadsAGenerator) {
  Write(SmallGpt2(), RandomGpt2(SmallGpt2()));
  const absl::StatusOr<LoadedModel> loaded = Load({.num_threads = 1, .num_kv_slots = 3});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->architecture->name, "GPT2LMHeadModel");
  EXPECT_EQ(loaded->bos_token_id, 3);
  EXPECT_THAT(loaded->eos_token_ids, testing::ElementsAre(4));
  EXPECT_EQ(std::get<std::unique_ptr<LanguageModel>>(loaded->model)->num_slots(), 3);
}

TEST_F(LoadModelTest, LoadsAClassifier) {
  Write(SmallBert(), RandomBert(SmallBert()));
  const absl::StatusOr<LoadedModel> loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->architecture->name, "BertForSequenceClassification");
  EXPECT_EQ(loaded->bos_token_id, -1);
  EXPECT_THAT(loaded->eos_token_ids, testing::IsEmpty());
  EXPECT_THAT(std::get<std::unique_ptr<SequenceEncoder>>(loaded->model)->labels(),
              testing::ElementsAre("LABEL_0", "LABEL_1"));
}

TEST_F(LoadModelTest, GoesByModelTypeWithoutArchitectures) {
  nlohmann::json config = SmallGpt2();
  config.erase("architectures");
  Write(config, RandomGpt2(config));
  const absl::StatusOr<LoadedModel> loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->architecture->name, "GPT2LMHeadModel");
}

TEST_F(LoadModelTest, TakesEndsAndDefaultsFromTheGenerationConfig) {
  Write(SmallGpt2(), RandomGpt2(SmallGpt2()));
  std::ofstream(directory_.path() / "generation_config.json")
      << R"({"eos_token_id": [5, 6], "temperature": 0.5})";
  const absl::StatusOr<LoadedModel> loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->bos_token_id, 3);  // It does not say.
  EXPECT_THAT(loaded->eos_token_ids, testing::ElementsAre(5, 6));
  EXPECT_EQ(loaded->defaults.temperature(), 0.5);
}

TEST_F(LoadModelTest, TheModelOutlivesItsFiles) {
  Write(SmallGpt2(), RandomGpt2(SmallGpt2()));
  const absl::StatusOr<LoadedModel> loaded = Load();
  ASSERT_TRUE(loaded.ok());
  LanguageModel& model = *std::get<std::unique_ptr<LanguageModel>>(loaded->model);
  const std::vector<int32_t> ids = {1, 2, 3};
  const LanguageModel::Row row = {.slot = 0, .start = 0, .tokens = ids, .wants_logits = true};
  std::span<const float> logits = model.Forward({&row, 1});
  const std::vector<float> before(logits.begin(), logits.end());
  std::ofstream(directory_.path() / "model.safetensors", std::ios::trunc) << "gone";
  logits = model.Forward({&row, 1});
  EXPECT_EQ(std::vector<float>(logits.begin(), logits.end()), before);
  EXPECT_EQ(Load().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LoadModelTest, NamesTheMissingFile) {
  ExpectFailure(absl::StatusCode::kNotFound, HasSubstr("config.json"));
  WriteConfig(directory_.path(), SmallGpt2());
  ExpectFailure(absl::StatusCode::kNotFound, HasSubstr("model.safetensors"));
}

TEST_F(LoadModelTest, SaysInWhichOtherFormTheWeightsAre) {
  WriteConfig(directory_.path(), SmallGpt2());
  std::ofstream(directory_.path() / "model.gguf") << "GGUF";
  ExpectFailure(absl::StatusCode::kFailedPrecondition,
                AllOf(HasSubstr("GGUF's"), HasSubstr("import GPT2LMHeadModel as M")));
}

// The same model from one file and from two, each of a type of its own.
TEST_F(LoadModelTest, LoadsShards) {
  std::vector<TestTensor> tensors = RandomGpt2(SmallGpt2());
  for (TestTensor& tensor : tensors) {
    for (float& value : tensor.values) value = std::round(value * 64) / 64;  // Fits a half.
  }
  const std::vector<int32_t> ids = {1, 2, 3};
  const auto logits = [&] {
    absl::StatusOr<LoadedModel> loaded = Load();
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    if (!loaded.ok()) return std::vector<float>();
    LanguageModel& model = *std::get<std::unique_ptr<LanguageModel>>(loaded->model);
    const LanguageModel::Row row = {.slot = 0, .start = 0, .tokens = ids, .wants_logits = true};
    const std::span<const float> values = model.Forward({&row, 1});
    return std::vector<float>(values.begin(), values.end());
  };
  Write(SmallGpt2(), tensors);
  const std::vector<float> whole = logits();
  std::filesystem::remove(directory_.path() / "model.safetensors");

  nlohmann::json map;
  const std::vector<TestTensor> first(tensors.begin(), tensors.begin() + 5);
  const std::vector<TestTensor> second(tensors.begin() + 5, tensors.end());
  for (const TestTensor& tensor : first) map[tensor.name] = "model-00001-of-00002.safetensors";
  for (const TestTensor& tensor : second) map[tensor.name] = "model-00002-of-00002.safetensors";
  WriteSafetensors(directory_.path() / "model-00001-of-00002.safetensors", first, "F16");
  WriteSafetensors(directory_.path() / "model-00002-of-00002.safetensors", second, "F32");
  std::ofstream(directory_.path() / "model.safetensors.index.json")
      << nlohmann::json{{"weight_map", map}};
  EXPECT_EQ(logits(), whole);
}

// A small GPT-2 that transformers has saved in every form (tools/golden/make_torch_golden.py).
TEST(LoadModel, ReadsTheSameWeightsFromEveryForm) {
  const std::filesystem::path folder = "tests/testdata/torch/gpt2";
  std::ifstream file(folder / "logits.json");
  const nlohmann::json expected = nlohmann::json::parse(file);
  const std::vector<int32_t> ids = expected.at("ids");
  std::vector<float> first;
  for (const char* form : {"safetensors", "safetensors_shards", "bin", "bin_shards"}) {
    absl::StatusOr<LoadedModel> loaded = LoadModel(folder / form, {});
    ASSERT_TRUE(loaded.ok()) << form << ": " << loaded.status();
    LanguageModel& model = *std::get<std::unique_ptr<LanguageModel>>(loaded->model);
    const LanguageModel::Row row = {.slot = 0, .start = 0, .tokens = ids, .wants_logits = true};
    const std::span<const float> logits = model.Forward({&row, 1});
    if (first.empty()) first.assign(logits.begin(), logits.end());
    EXPECT_EQ(std::vector<float>(logits.begin(), logits.end()), first) << form;
  }
  ASSERT_EQ(first.size(), expected.at("logits").size());
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_NEAR(first[i], expected.at("logits").at(i).get<float>(), 1e-4) << i;
  }
}

TEST_F(LoadModelTest, ReadsConfigsWithNumbersThatAreNotFinite) {
  Write(SmallGpt2(), RandomGpt2(SmallGpt2()));
  const std::filesystem::path path = directory_.path() / "config.json";
  std::ifstream file(path);
  const std::string config((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
  const std::string rest = config.substr(config.find('{') + 1);
  std::ofstream(path) << "{\"task_specific_params\": {\"x\": [NaN, -Infinity]}, " << rest;
  EXPECT_TRUE(Load().ok()) << Load().status();
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"layer_norm_epsilon", "NaN"},
                                                        {"layer_norm_epsilon", "Infinity"},
                                                        {"n_head", "Infinity"}}) {
    nlohmann::json other = SmallGpt2();
    other.erase(key);
    const std::string text = other.dump();
    std::ofstream(path) << "{\"" << key << "\": " << value << ", " << text.substr(1);
    ExpectFailure(absl::StatusCode::kInvalidArgument,
                  AllOf(HasSubstr("config.json: " + key), HasSubstr(": " + value)));
  }
}

TEST_F(LoadModelTest, NamesEveryTensorThatDoesNotFit) {
  std::vector<TestTensor> tensors = RandomGpt2(SmallGpt2());
  ASSERT_EQ(tensors[2].name, "h.0.ln_1.weight");
  tensors[2] = {"h.0.ln_1.gain", {8}, std::vector<float>(8)};
  tensors[3] = {"h.0.ln_1.bias", {2, 4}, std::vector<float>(8)};
  Write(SmallGpt2(), tensors);
  ExpectFailure(absl::StatusCode::kInvalidArgument,
                AllOf(HasSubstr("model.safetensors"),
                      HasSubstr("1 missing: h.0.ln_1.weight (is h.0.ln_1.gain it?)"),
                      HasSubstr("h.0.ln_1.bias (is [2, 4], must be [8])")));
}

// Wherever they lie, whatever they are stored as and kept in.
TEST_F(LoadModelTest, RefusesWeightsThatAreNotFinite) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const nlohmann::json& config : {SmallGpt2(), SmallBert()}) {
    const bool is_bert = config["model_type"] == "bert";
    std::vector<TestTensor> clean = is_bert ? RandomBert(config) : RandomGpt2(config);
    for (TestTensor& tensor : clean) {
      for (float& value : tensor.values) value = std::round(value * 64) / 64;  // Fits a half.
    }
    for (size_t i = 0; i < clean.size(); ++i) {
      std::vector<TestTensor> tensors = clean;
      tensors[i].values.front() = kNan;
      tensors[i].values.back() = i % 2 == 0 ? kInfinity : -kInfinity;
      const std::string named =
          absl::StrCat(": ", tensors[i].name, " (2 of ", tensors[i].values.size(), " values)");
      for (const char* dtype : {"F32", "F16", "BF16"}) {
        WriteConfig(directory_.path(), config);
        WriteSafetensors(directory_.path() / "model.safetensors", tensors, dtype);
        for (const Precision precision : kPrecisions) {
          const absl::Status status = Load({.precision = precision}).status();
          EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << named;
          EXPECT_THAT(std::string(status.message()),
                      AllOf(HasSubstr("model.safetensors"),
                            HasSubstr("1 with values that are not "), HasSubstr(named)));
        }
      }
    }
    Write(config, clean);
    EXPECT_TRUE(Load().ok()) << Load().status();
  }
}

TEST_F(LoadModelTest, NamesTheFirstTenTensorsThatAreNotFinite) {
  std::vector<TestTensor> tensors = RandomGpt2(SmallGpt2());
  for (TestTensor& tensor : tensors) {
    tensor.values.assign(tensor.values.size(), std::numeric_limits<float>::quiet_NaN());
  }
  Write(SmallGpt2(), tensors);
  ExpectFailure(absl::StatusCode::kInvalidArgument,
                AllOf(HasSubstr("16 with values that are not finite"),
                      HasSubstr("h.0.attn.c_attn.bias (24 of 24 values), "),
                      HasSubstr(", and 6 more"), testing::Not(HasSubstr("wte.weight"))));
}

// bf16 has a little less than the range of fp32.
TEST_F(LoadModelTest, RefusesWeightsThatAreTooLargeForThePrecision) {
  for (const nlohmann::json& config : {SmallGpt2(), SmallBert()}) {
    const bool is_bert = config["model_type"] == "bert";
    const std::string name =
        is_bert ? "bert.encoder.layer.0.attention.self.value.weight" : "h.0.mlp.c_fc.weight";
    for (const auto& [value, fits] : std::vector<std::pair<float, bool>>{
             {0x1.fefffep127f, true}, {0x1.ffp127f, false}, {-0x1.fffffep127f, false}}) {
      std::vector<TestTensor> tensors = is_bert ? RandomBert(config) : RandomGpt2(config);
      for (TestTensor& tensor : tensors) {
        if (tensor.name == name) tensor.values[7] = value;
      }
      Write(config, tensors);
      for (const Precision precision : kPrecisions) {
        const absl::Status status = Load({.precision = precision}).status();
        if (fits || precision != Precision::kBfloat16) {
          EXPECT_TRUE(status.ok()) << status;
          continue;
        }
        EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
        EXPECT_THAT(std::string(status.message()),
                    AllOf(HasSubstr("1 with values too large for this dtype (take --dtype float32"),
                          HasSubstr(name + " (1 of ")));
      }
    }
  }
}

TEST_F(LoadModelTest, MissesAHeadThatIsNotTied) {
  nlohmann::json config = SmallGpt2();
  config["tie_word_embeddings"] = false;
  Write(config, RandomGpt2(config));
  ExpectFailure(absl::StatusCode::kInvalidArgument, HasSubstr("1 missing: lm_head.weight"));
}

TEST_F(LoadModelTest, TellsWhatToDoWithABertThatHasNoHead) {
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
    ExpectFailure(absl::StatusCode::kFailedPrecondition,
                  AllOf(HasSubstr("is a " + family + "ForQuestionAnswering"),
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

TEST_F(LoadModelTest, AHeadlessEncoderEmbeds) {
  nlohmann::json config = SmallBert();
  std::vector<float> expected;
  for (const auto& [name, prefix] : std::vector<std::pair<std::string, std::string>>{
           {"BertModel", ""}, {"BertModel", "bert."}, {"BertForMaskedLM", "bert."}}) {
    config["architectures"] = {name};
    Write(config, HeadlessBert(config, prefix));
    absl::StatusOr<LoadedModel> loaded = Load();
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(loaded->architecture->name, name);
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

TEST_F(LoadModelTest, AnEmbedderPoolsAsItIsTold) {
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

TEST_F(LoadModelTest, AnUntrainedHeadIsAFunctionOfItsSeed) {
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
TEST_F(LoadModelTest, AnUntrainedHeadReplacesWhatIsMissingAlone) {
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

TEST_F(LoadModelTest, AModelWithoutAPoolerDoesNotPoolByIt) {
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

TEST_F(LoadModelTest, RefusesOtherConfigs) {
  for (const auto& [config, message] : std::vector<std::pair<std::string, std::string>>{
           {"", "line 1, column 1"},
           {"[]", "must hold a JSON object, not array"},
           {"{\"a\":\n", "line 2, column 1"},
           {std::string(1'000'000, '['), "line 1, column 65: nested deeper than 64 levels"},
           {"{}", "architectures must name one of GPT2LMHeadModel, "},
           {R"({"architectures":["MambaForCausalLM"]})", "MambaForCausalLM"},
           {R"({"architectures":"GPT2LMHeadModel"})", "architectures must be a list of strings"},
           {R"({"architectures":["GPT2LMHeadModel"],"n_layer":0})", "n_layer must be"}}) {
    std::ofstream(directory_.path() / "config.json", std::ios::trunc) << config;
    ExpectFailure(absl::StatusCode::kInvalidArgument,
                  AllOf(HasSubstr("config.json"), HasSubstr(message)));
  }
}

TEST_F(LoadModelTest, RefusesOptionsOutOfRange) {
  Write(SmallGpt2(), RandomGpt2(SmallGpt2()));
  EXPECT_THAT(std::string(Load({.num_threads = 0}).status().message()),
              HasSubstr("num_threads must be at least 1: 0"));
  EXPECT_THAT(std::string(Load({.num_kv_slots = 0}).status().message()),
              HasSubstr("num_kv_slots must be at least 1: 0"));
}

TEST_F(LoadModelTest, RefusesMoreSlotsThanThereAreAddresses) {
  nlohmann::json config = SmallGpt2();
  config["n_embd"] = 64;
  config["n_positions"] = 200;
  Write(config, RandomGpt2(config));
  const absl::Status status = Load({.num_kv_slots = 2'000'000'000}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

}  // namespace
}  // namespace chorus::runner
