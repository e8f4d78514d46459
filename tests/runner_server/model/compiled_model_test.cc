#include "runner_server/model/compiled_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "runner_server/model/find_executor.h"
#include "runner_server/model/load_model.h"
#include "tests/runner_server/model/test_checkpoint.h"

namespace chorus::runner {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

// What the tests call code: none of them runs it.
constexpr char kCode[] = "no archive";

std::string CodeHash() {
  Sha256 hash;
  hash.Update(kCode);
  return std::move(hash).HexDigest();
}

class CompiledModelTest : public testing::Test {
 protected:
  CompiledModelTest() {
    std::ofstream(directory_.path() / "model.pt2") << kCode;
    WriteSafetensors(directory_.path() / "model.safetensors", {{"a", {1}, {0.5f}}});
    config_ = {{"architectures", {"DebertaV2ForSequenceClassification"}},
               {"id2label", {{"0", "BAD"}, {"1", "GOOD"}}},
               {"chorus_compiled",
                {{"torch", "0.0.1"},
                 {"device", "cpu"},
                 {"cpu_flags", nlohmann::json::array()},
                 {"dtype", "bfloat16"},
                 {"vocab_size", 203},
                 {"context_size", 160},
                 {"token_types", 2},
                 {"padding_id", 1},
                 {"output", "logits"},
                 {"num_values", 2}}}};
    WriteConfig(directory_.path(), config_);
  }

  // With a field of chorus_compiled changed.
  void Change(const char* field, const nlohmann::json& value) {
    nlohmann::json config = config_;
    config["chorus_compiled"][field] = value;
    WriteConfig(directory_.path(), config);
  }

  absl::StatusOr<std::optional<CompiledModel>> Read(
      std::optional<Pooling> pooling = std::nullopt) const {
    return ReadCompiledModel(directory_.path(), pooling);
  }

  absl::Status Check(const std::string& native_code) const {
    const auto model = Read();
    return CheckNativeCode(model.value().value(), native_code);
  }

  absl::Status Load(ModelOptions options) const {
    return LoadModel(directory_.path(), options).status();
  }

  const TemporaryDirectory directory_{"compiled_model_test"};
  nlohmann::json config_;
};

TEST_F(CompiledModelTest, IsReadFromConfigJson) {
  const auto read = Read();
  ASSERT_TRUE(read.ok() && read->has_value()) << read.status();
  const CompiledModel& model = **read;
  EXPECT_EQ(model.architecture, "DebertaV2ForSequenceClassification");
  EXPECT_EQ(model.file, directory_.path() / "model.pt2");
  EXPECT_EQ(model.torch_version, "0.0.1");
  EXPECT_EQ(model.device, "cpu");
  EXPECT_EQ(model.precision, Precision::kBfloat16);
  EXPECT_EQ(model.vocab_size, 203);
  EXPECT_EQ(model.context_size, 160);
  EXPECT_EQ(model.num_token_types, 2);
  EXPECT_EQ(model.padding_id, 1);
  EXPECT_EQ(model.num_values, 2);
  const auto& head = std::get<ClassificationHead>(model.head);
  EXPECT_THAT(head.labels, ElementsAre("BAD", "GOOD"));
  EXPECT_EQ(head.function, ScoreFunction::kSoftmax);
}

TEST_F(CompiledModelTest, OthersAreNone) {
  config_.erase("chorus_compiled");
  WriteConfig(directory_.path(), config_);
  EXPECT_FALSE(Read().value().has_value());
  std::filesystem::remove(directory_.path() / "config.json");
  EXPECT_FALSE(Read().value().has_value());
}

TEST_F(CompiledModelTest, AnEmbedderPoolsAsTheFolderOrItsUserSays) {
  Change("output", "hidden_states");
  const auto pooling = [&](std::optional<Pooling> chosen = std::nullopt) {
    return std::get<EmbeddingHead>(Read(chosen).value()->head).pooling;
  };
  EXPECT_EQ(pooling(), Pooling::kMean);
  std::filesystem::create_directory(directory_.path() / "1_Pooling");
  std::ofstream(directory_.path() / "1_Pooling/config.json")
      << R"({"pooling_mode_cls_token": true})";
  std::ofstream(directory_.path() / "modules.json")
      << R"([{"path": "", "type": "a.Transformer"}, {"path": "1_Pooling", "type": "a.Pooling"}])";
  EXPECT_EQ(pooling(), Pooling::kFirstToken);
  EXPECT_EQ(pooling(Pooling::kMean), Pooling::kMean);
  EXPECT_THAT(std::string(Read(Pooling::kPooler).status().message()),
              HasSubstr("its pooling is mean or cls"));
}

// The fields of a generator, of two layers.
nlohmann::json GeneratorConfig(nlohmann::json config) {
  nlohmann::json& compiled = config["chorus_compiled"];
  config["bos_token_id"] = 5;
  config["eos_token_id"] = {7, 9};
  compiled["output"] = "next_token_logits";
  compiled["heads"] = 6;
  compiled["kv_heads"] = 3;
  compiled["head_size"] = 20;
  compiled["scales"] = {0.25, 0.5};
  compiled["windows"] = {0, 40};
  compiled["soft_cap"] = 30;
  compiled["same_weights"] = {{"lm_head.weight", "wte.weight"}};
  return config;
}

TEST_F(CompiledModelTest, AGeneratorTellsHowItAttends) {
  WriteConfig(directory_.path(), GeneratorConfig(config_));
  const auto read = Read();
  ASSERT_TRUE(read.ok() && read->has_value() && (*read)->decoder.has_value()) << read.status();
  const Architecture& decoder = *(*read)->decoder;
  EXPECT_EQ(decoder.vocab_size, 203);
  EXPECT_EQ(decoder.context_size, 160);
  EXPECT_EQ(decoder.num_layers, 2);
  EXPECT_EQ(decoder.num_heads, 6);
  EXPECT_EQ(decoder.num_kv_heads, 3);
  EXPECT_EQ(decoder.head_size, 20);
  EXPECT_EQ(decoder.attention_soft_cap, 30);
  ASSERT_EQ(decoder.attention.size(), 2u);
  EXPECT_EQ(decoder.attention[0].scale, 0.25f);
  EXPECT_EQ(decoder.attention[0].window, 0);
  EXPECT_EQ(decoder.attention[1].scale, 0.5f);
  EXPECT_EQ(decoder.attention[1].window, 40);
  const auto& head = std::get<LanguageModelHead>(decoder.head);
  EXPECT_EQ(head.bos_token_id, 5);
  EXPECT_THAT(head.eos_token_ids, ElementsAre(7, 9));
  EXPECT_THAT((*read)->same_weights, ElementsAre(Pair("lm_head.weight", "wte.weight")));
}

TEST_F(CompiledModelTest, NamesTheFieldOfAGeneratorThatIsWrong) {
  for (const auto& [field, value, message] :
       std::vector<std::tuple<const char*, nlohmann::json, const char*>>{
           {"heads", 7, "chorus_compiled.heads must be a multiple of kv_heads: 7 and 3"},
           {"head_size", 0, "chorus_compiled.head_size must be an integer from 1"},
           {"scales", nullptr, "scales and windows must have one number for each layer: 0 and 2"},
           {"windows", {1}, "scales and windows must have one number for each layer: 2 and 1"},
           {"windows", {0, -1}, "chorus_compiled.windows must be from 0 to 1048576: -1"},
           {"soft_cap", "none", "chorus_compiled.soft_cap must be a number"},
           {"same_weights", {1}, "chorus_compiled.same_weights must be an object of names: [1]"}}) {
    nlohmann::json config = GeneratorConfig(config_);
    config["chorus_compiled"][field] = value;
    WriteConfig(directory_.path(), config);
    const absl::Status status = Read().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
}

TEST_F(CompiledModelTest, NamesTheFieldThatIsWrong) {
  for (const auto& [field, value, message] :
       std::vector<std::tuple<const char*, nlohmann::json, const char*>>{
           {"vocab_size", 0, "chorus_compiled.vocab_size must be an integer from 1"},
           {"vocab_size", nullptr, "chorus_compiled.vocab_size must be there"},
           {"context_size", "512", "chorus_compiled.context_size must be an integer"},
           {"token_types", 0, "chorus_compiled.token_types must be an integer from 1"},
           {"padding_id", 203, "chorus_compiled.padding_id must be below vocab_size: 203"},
           {"num_values", 3, "chorus_compiled.num_values must be the number of labels: 3, and"},
           {"dtype", "int8", "chorus_compiled.dtype must be float32, bfloat16 or float16: int8"},
           {"output", "text", "output must be logits, hidden_states or next_token_logits: text"},
           {"cpu_flags", "avx2", "chorus_compiled.cpu_flags must be a list of strings"}}) {
    Change(field, value);
    const absl::Status status = Read().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("config.json: "), HasSubstr(message)));
  }
}

TEST_F(CompiledModelTest, CodeRunsIfItsHashIsNamed) {
  EXPECT_TRUE(Check(CodeHash()).ok());
  const absl::Status unnamed = Check("");
  EXPECT_EQ(unnamed.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(unnamed.message()), AllOf(HasSubstr("model.pt2 is native code"),
                                                    HasSubstr("--native_code " + CodeHash())));
  const absl::Status other = Check(std::string(64, 'a'));
  EXPECT_EQ(other.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(other.message()),
              AllOf(HasSubstr("its SHA-256 is " + CodeHash()), HasSubstr("not aaaa")));
  std::filesystem::remove(directory_.path() / "model.pt2");
  EXPECT_EQ(Check(CodeHash()).code(), absl::StatusCode::kNotFound);
}

TEST_F(CompiledModelTest, CodeOfAnotherCpuDoesNotRun) {
  Change("cpu_flags", {"no_such_flag"});
  const absl::Status status = Check(CodeHash());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("for another kind of CPU, which has no_such_flag"));
}

TEST_F(CompiledModelTest, IsForTheExecutorOfLibtorchInItsOwnDtype) {
  ModelOptions options = {.precision = Precision::kBfloat16, .native_code = CodeHash()};
  EXPECT_THAT(std::string(Load(options).message()), HasSubstr("takes --executor torch"));
  options.precision = Precision::kFloat32;
  EXPECT_THAT(std::string(Load(options).message()),
              HasSubstr("was compiled in bfloat16, not in float32"));
  options.precision = Precision::kBfloat16;
  options.native_code.clear();
  EXPECT_THAT(std::string(Load(options).message()), HasSubstr("--native_code"));
}

// What libtorch's executor refuses before it runs anything, and what is no code.
TEST_F(CompiledModelTest, CodeOfAnotherLibtorchOrDeviceDoesNotRun) {
  const absl::StatusOr<const Executor*> torch = FindExecutor("torch", "cpu");
  if (!torch.ok()) GTEST_SKIP() << torch.status();
  const ModelOptions options = {
      .executor = *torch, .precision = Precision::kBfloat16, .native_code = CodeHash()};
  const absl::Status version = Load(options);
  EXPECT_EQ(version.code(), absl::StatusCode::kFailedPrecondition) << version;
  const std::string said(version.message());
  EXPECT_THAT(said, HasSubstr("was compiled for libtorch 0.0.1, and this runner has "));
  Change("torch", said.substr(said.rfind("torch==") + 7));
  const absl::Status broken = Load(options);
  EXPECT_EQ(broken.code(), absl::StatusCode::kInvalidArgument) << broken;
  EXPECT_THAT(std::string(broken.message()), HasSubstr("model.pt2: "));
  config_["chorus_compiled"]["torch"] = said.substr(said.rfind("torch==") + 7);
  Change("device", "cuda");
  const absl::Status device = Load(options);
  EXPECT_EQ(device.code(), absl::StatusCode::kFailedPrecondition) << device;
  EXPECT_THAT(std::string(device.message()),
              HasSubstr("was compiled for --device cuda, not for cpu"));
}

}  // namespace
}  // namespace chorus::runner
