#include "runner_server/model/generation_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tests/base/parse_proto.h"
#include "tests/base/temp_directory.h"

namespace chorus::runner {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
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
      Read(R"({"bos_token_id": null, "temperature": null, "top_k": null, "do_sample": null,
               "suppress_tokens": null})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->bos_token_id.has_value());
  EXPECT_EQ(config->defaults.ByteSizeLong(), 0u);
  EXPECT_EQ(config->warning, "");
}

// As in transformers, which then asks nothing else for one.
TEST(ReadGenerationConfig, AFileWithoutAnEndHasNone) {
  for (const char* text : {R"({"eos_token_id": null})", "{}", R"({"eos_token_id": []})"}) {
    const absl::StatusOr<GenerationConfig> config = Read(text);
    ASSERT_TRUE(config.ok()) << config.status();
    ASSERT_TRUE(config->eos_token_ids.has_value()) << text;
    EXPECT_THAT(*config->eos_token_ids, IsEmpty());
  }
}

TEST(ReadGenerationConfig, NamesWhatIsNotFollowed) {
  const absl::StatusOr<GenerationConfig> config = Read(
      R"({"no_repeat_ngram_size": 2, "suppress_tokens": [1], "begin_suppress_tokens": [2],
          "bad_words_ids": [[3]], "sequence_bias": [[[4], -1.0]], "min_new_tokens": 1,
          "min_length": 5, "forced_bos_token_id": 0, "forced_eos_token_id": 6, "num_beams": 2,
          "encoder_repetition_penalty": 1.5, "penalty_alpha": 0.6, "dola_layers": "low",
          "cache_implementation": "quantized"})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->warning,
              EndsWith("generation_config.json: Chorus does not follow no_repeat_ngram_size, "
                       "encoder_repetition_penalty, suppress_tokens, begin_suppress_tokens, "
                       "bad_words_ids, sequence_bias, min_length, min_new_tokens, "
                       "forced_bos_token_id, forced_eos_token_id, num_beams, penalty_alpha, "
                       "dola_layers, cache_implementation: texts will differ from "
                       "transformers'"));
}

TEST(ReadGenerationConfig, WhatChangesNothingIsNotWorthAWarning) {
  const absl::StatusOr<GenerationConfig> config = Read(
      R"({"no_repeat_ngram_size": 0, "suppress_tokens": [], "begin_suppress_tokens": null,
          "sequence_bias": {}, "min_new_tokens": 0, "num_beams": 1, "typical_p": 1,
          "encoder_repetition_penalty": 1.0, "penalty_alpha": 0.0, "token_healing": false,
          "max_length": 7, "length_penalty": 2.0, "cache_implementation": "hybrid"})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->warning, "");
}

TEST(ReadGenerationConfig, TakesValuesOutOfRangeAsIsTold) {
  const struct {
    std::string text;
    std::string warning;
    std::string defaults;
  } kCases[] = {
      {R"({"top_k": -1})", "top_k is out of range, all tokens count, as with 0: -1", "top_k: 0"},
      {R"({"top_k": 50.0})", "top_k is out of range, taken as 50: 50.0", "top_k: 50"},
      {R"({"top_k": 0.5})", "top_k is out of range, Chorus's default counts: 0.5", ""},
      {R"({"top_p": 0})", "top_p is out of range, the likeliest token alone counts: 0",
       "top_p: 1e-9"},
      {R"({"top_p": 1.5})", "top_p is out of range, all tokens count, as with 1: 1.5", "top_p: 1"},
      {R"({"top_p": -1})", "top_p is out of range, Chorus's default counts: -1", ""},
      {R"({"min_p": 2})", "min_p is out of range, Chorus's default counts: 2", ""},
      {R"({"temperature": -1})", "temperature is out of range, Chorus's default counts: -1", ""},
      {R"({"temperature": NaN})", "temperature is out of range, Chorus's default counts: ", ""},
  };
  for (const auto& c : kCases) {
    const absl::StatusOr<GenerationConfig> config = Read(c.text);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_THAT(config->warning, HasSubstr("generation_config.json: " + c.warning));
    EXPECT_EQ(config->defaults.SerializeAsString(),
              ParseProto<chorus::v1::GenerationParams>(c.defaults).SerializeAsString())
        << c.text;
  }
}

class OfConfigTest : public testing::Test {
 protected:
  void Put(const std::string& name, const std::string& text) {
    std::ofstream(folder_.path() / name) << text;
  }
  absl::StatusOr<GenerationConfig> Read() { return ReadGenerationConfig(folder_.path(), 100); }

  const TempDirectory folder_;
};

TEST_F(OfConfigTest, CountsWithoutAFileOfItsOwn) {
  Put("config.json", R"({"eos_token_id": 3, "repetition_penalty": 1.5, "top_k": 7,
                         "no_repeat_ngram_size": 2})");
  const absl::StatusOr<GenerationConfig> config = Read();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->eos_token_ids.has_value());  // Its architecture's reader has a default.
  EXPECT_EQ(config->defaults.repetition_penalty(), 1.5);
  EXPECT_EQ(config->defaults.top_k(), 7u);
  EXPECT_THAT(config->warning,
              HasSubstr("/config.json: Chorus does not follow no_repeat_ngram_size: "));
  Put("config.json", R"({"repetition_penalty": 0})");
  EXPECT_THAT(std::string(Read().status().message()), HasSubstr("/config.json: repetition_"));
  Put("generation_config.json", R"({"temperature": 0.5})");
  const absl::StatusOr<GenerationConfig> own = Read();
  ASSERT_TRUE(own.ok()) << own.status();
  EXPECT_FALSE(own->defaults.has_repetition_penalty());
}

// As transformers has it of files that are older than changes of config.json.
TEST_F(OfConfigTest, CountsWhereTheFileWasMadeFromIt) {
  Put("generation_config.json", R"({"_from_model_config": true, "eos_token_id": 5})");
  Put("config.json", R"({"eos_token_id": 3, "top_k": 50})");
  EXPECT_THAT(*Read()->eos_token_ids, ElementsAre(5));
  Put("config.json", R"({"eos_token_id": 3, "top_k": 7})");
  EXPECT_FALSE(Read()->eos_token_ids.has_value());
  EXPECT_EQ(Read()->defaults.top_k(), 7u);
  Put("generation_config.json", R"({"eos_token_id": 5})");
  EXPECT_THAT(*Read()->eos_token_ids, ElementsAre(5));
  EXPECT_FALSE(Read()->defaults.has_top_k());
}

// As Python, to which 5.0 equals 5.
TEST(ReadGenerationConfig, TakesWholeNumbersThatAreWrittenWithAPoint) {
  EXPECT_THAT(*Read(R"({"eos_token_id": 5.0})")->eos_token_ids, ElementsAre(5));
  EXPECT_THAT(*Read(R"({"eos_token_id": [7, 1e1, 1e300, Infinity]})")->eos_token_ids,
              ElementsAre(7, 10));
  EXPECT_FALSE(Read(R"({"eos_token_id": 5.5})").ok());
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
           {R"({"temperature": "1"})", "temperature must be a number: \"1\""},
           {R"({"top_k": [1]})", "top_k must be a number: [1]"},
           {R"({"top_p": true})", "top_p must be a number: true"},
           {R"({"repetition_penalty": 0})",
            "repetition_penalty must be finite and greater than 0"}}) {
    const absl::Status status = Read(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
  }
}

}  // namespace
}  // namespace chorus::runner
