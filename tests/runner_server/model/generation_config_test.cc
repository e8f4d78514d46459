#include "runner_server/model/generation_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tests/base/temp_directory.h"

namespace chorus::runner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

absl::StatusOr<GenerationConfig> Read(const std::string& text) {
  const TempDirectory folder;
  std::ofstream(folder.path() / "generation_config.json") << text;
  absl::StatusOr<GenerationConfig> config = ReadGenerationConfig(folder.path(), 100);
  if (!config.ok()) {
    EXPECT_THAT(std::string(config.status().message()),
                StartsWith((folder.path() / "generation_config.json").native() + ": "));
  }
  return config;
}

TEST(ReadGenerationConfig, WithoutAFileNothingIsSet) {
  const TempDirectory folder;
  const absl::StatusOr<GenerationConfig> config = ReadGenerationConfig(folder.path(), 100);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->bos_token_id.has_value());
  EXPECT_FALSE(config->eos_token_ids.has_value());
  EXPECT_EQ(config->defaults.ByteSizeLong(), 0u);
}

// GPT-2's own.
TEST(ReadGenerationConfig, AFileOfTokensAloneGivesNoDefaults) {
  const absl::StatusOr<GenerationConfig> config =
      Read(R"({"_from_model_config": true, "bos_token_id": 50, "eos_token_id": 50,
               "transformers_version": "4.26.0.dev0"})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->bos_token_id, 50);
  EXPECT_THAT(*config->eos_token_ids, ElementsAre(50));
  EXPECT_EQ(config->defaults.ByteSizeLong(), 0u);
}

// As Qwen2's instruct models have it.
TEST(ReadGenerationConfig, ReadsHowTheMakersSample) {
  const absl::StatusOr<GenerationConfig> config = Read(
      R"({"bos_token_id": 43, "pad_token_id": 43, "do_sample": true, "eos_token_id": [45, 43],
          "repetition_penalty": 1.1, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "min_p": 0.05,
          "max_length": 20, "max_new_tokens": 7, "num_beams": 4})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(*config->eos_token_ids, ElementsAre(45, 43));
  chorus::v1::GenerationParams expected;
  expected.set_do_sample(true);
  expected.set_repetition_penalty(1.1);
  expected.set_temperature(0.7);
  expected.set_top_p(0.8);
  expected.set_top_k(20);
  expected.set_min_p(0.05);
  EXPECT_EQ(config->defaults.SerializeAsString(), expected.SerializeAsString());
}

TEST(ReadGenerationConfig, NullsAreSilent) {
  const absl::StatusOr<GenerationConfig> config =
      Read(R"({"bos_token_id": null, "eos_token_id": null, "temperature": null, "top_k": null,
               "do_sample": null, "penalty_alpha": Infinity})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->eos_token_ids.has_value());
  EXPECT_EQ(config->defaults.ByteSizeLong(), 0u);
}

TEST(ReadGenerationConfig, IgnoresIdsPastTheVocabulary) {
  const absl::StatusOr<GenerationConfig> config =
      Read(R"({"bos_token_id": 100, "eos_token_id": [100, -1, 99]})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->bos_token_id, -1);
  EXPECT_THAT(*config->eos_token_ids, ElementsAre(99));
  EXPECT_THAT(*Read(R"({"eos_token_id": 100})")->eos_token_ids, IsEmpty());
}

TEST(ReadGenerationConfig, RefusesByName) {
  for (const auto& [text, what] : std::vector<std::pair<std::string, std::string>>{
           {"{", "line 1"},
           {"[]", "must hold a JSON object"},
           {R"({"eos_token_id": "x"})", "eos_token_id must be an integer or a list of integers"},
           {R"({"do_sample": 1})", "do_sample must be true or false: 1"},
           {R"({"temperature": -1})", "temperature must be a number from 0"},
           {R"({"temperature": NaN})", "temperature must be a number"},
           {R"({"top_k": -1})", "top_k must be an integer from 0"},
           {R"({"top_p": 0})", "top_p must be greater than 0 and at most 1: 0"},
           {R"({"top_p": 1.5})", "top_p must be a number from 0 to 1: 1.5"},
           {R"({"repetition_penalty": 0})",
            "repetition_penalty must be finite and greater than 0"}}) {
    const absl::Status status = Read(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
  }
}

}  // namespace
}  // namespace chorus::runner
