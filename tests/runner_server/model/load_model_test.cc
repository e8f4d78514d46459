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
#include "tests/runner_server/model/load_model_fixture.h"
#include "tests/runner_server/model/test_checkpoint.h"

namespace chorus::runner {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class LoadModelTest : public LoadModelFixture {};

TEST_F(LoadModelTest, LoadsAGenerator) {
  Write(SmallGpt2(), RandomGpt2(SmallGpt2()));
  const absl::StatusOr<LoadedModel> loaded = Load({.num_threads = 1, .num_kv_slots = 3});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->architecture, "GPT2LMHeadModel");
  EXPECT_EQ(loaded->bos_token_id, 3);
  EXPECT_THAT(loaded->eos_token_ids, testing::ElementsAre(4));
  EXPECT_EQ(std::get<std::unique_ptr<LanguageModel>>(loaded->model)->num_slots(), 3);
}

TEST_F(LoadModelTest, LoadsAClassifier) {
  Write(SmallBert(), RandomBert(SmallBert()));
  const absl::StatusOr<LoadedModel> loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->architecture, "BertForSequenceClassification");
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
  EXPECT_EQ(loaded->architecture, "GPT2LMHeadModel");
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

TEST_F(LoadModelTest, RefusesOtherConfigs) {
  for (const auto& [config, message] : std::vector<std::pair<std::string, std::string>>{
           {"", "line 1, column 1"},
           {"[]", "must hold a JSON object, not array"},
           {"{\"a\":\n", "line 2, column 1"},
           {std::string(1'000'000, '['), "line 1, column 901: nested deeper than 900 levels"},
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
