#include "runner_server/tokenizer/tokenizer_fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runner_server/tokenizer/build_tokenizer.h"
#include "runner_server/tokenizer/tokenizer_json.h"
#include "tests/base/temp_directory.h"

namespace chorus::runner {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Whole words "a" to "e", an unknown one, and <s> and <x> behind them, ids 6 and 7; every text
// begins with `frame`.
std::unique_ptr<Tokenizer> MakeTokenizer(const std::string& frame, const json& decoder = nullptr) {
  json root = {
      {"model",
       {{"type", "WordLevel"},
        {"vocab", {{"a", 0}, {"b", 1}, {"c", 2}, {"d", 3}, {"e", 4}, {"<unk>", 5}}},
        {"unk_token", "<unk>"}}},
      {"pre_tokenizer", {{"type", "Whitespace"}}},
      {"decoder", decoder},
      {"added_tokens", json::array({{{"id", 6}, {"content", "<s>"}, {"special", true}},
                                    {{"id", 7}, {"content", "<x>"}, {"special", true}}})},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", json::array({{{"SpecialToken", {{"id", frame}, {"type_id", 0}}}},
                                {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}})},
        {"pair", json::array()},
        {"special_tokens",
         {{frame, {{"id", frame}, {"ids", {frame == "<s>" ? 6 : 0}}, {"tokens", {frame}}}}}}}}};
  auto spec = TokenizerSpecFromJson(json::parse(root.dump()), "tokenizer.json");
  EXPECT_TRUE(spec.ok()) << spec.status();
  auto tokenizer = BuildTokenizer(*std::move(spec), {});
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *std::move(tokenizer);
}

TEST(CheckTokenizer, TakesAVocabularyWithMoreTokensThanTheEmbeddingHasRows) {
  const auto tokenizer = MakeTokenizer("a");
  for (const int num_rows : {8, 7, 6, 1}) {
    EXPECT_TRUE(CheckTokenizer("model", *tokenizer, {.num_rows = num_rows}).ok()) << num_rows;
  }
}

TEST(CheckTokenizer, RefusesAFrameThatTheEmbeddingHasNoRowFor) {
  const auto tokenizer = MakeTokenizer("<s>");
  EXPECT_TRUE(CheckTokenizer("model", *tokenizer, {.num_rows = 7}).ok());
  const absl::Status status = CheckTokenizer("model", *tokenizer, {.num_rows = 6});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(StartsWith("model: the token \"<s>\" has id 6"), HasSubstr("ends before 6 "),
                    HasSubstr("around every text"), HasSubstr("resize_token_embeddings")));
}

// As multilingual-e5-small has 35 and bert-base-italian 1,000, and resize_token_embeddings makes.
TEST(CheckTokenizer, TakesAnyNumberOfRowsWithoutTokens) {
  const auto tokenizer = MakeTokenizer("a");
  for (const int num_rows : {9, 28, 1008, 250037}) {
    EXPECT_TRUE(CheckTokenizer("model", *tokenizer, {.num_rows = num_rows}).ok()) << num_rows;
  }
}

// What a file of lines was cut in the middle of is no line.
TEST(CheckTokenizer, RefusesAVocabularyThatWasCutShort) {
  const TempDirectory folder;
  const auto tokenizer = MakeTokenizer("a");
  const auto check = [&](int num_rows) {
    return CheckTokenizer(folder.path(), *tokenizer, {.num_rows = num_rows});
  };
  PutFile(folder / "vocab.txt", "a\nb\nc");
  const absl::Status status = check(9);
  EXPECT_THAT(std::string(status.message()),
              AllOf(StartsWith(folder.path().string() +
                               ": the vocabulary has 8 tokens, and vocab_size in config.json is 9"),
                    HasSubstr("the last line of vocab.txt has no end")));
  EXPECT_TRUE(check(8).ok());
  EXPECT_TRUE(check(16).ok());  // Padding.
  PutFile(folder / "vocab.txt", "a\nb\nc\n");
  EXPECT_TRUE(check(9).ok());
  PutFile(folder / "vocab.txt", "a\nb\nc");
  PutFile(folder / "tokenizer.json", "{}");  // Which is read in its place.
  EXPECT_TRUE(check(9).ok());
}

// A decoder that looks at the tokens beside one does not tell its bytes.
TEST(CheckTokenizer, AGeneratorsTokensAreOfBytes) {
  for (const bool is_of_bytes : {true, false}) {
    const json decoder = is_of_bytes
                             ? json{{"type", "BPEDecoder"}, {"suffix", "</w>"}}
                             : json::parse(R"({"type": "Sequence", "decoders": [{"type": "Fuse"},
                          {"type": "Replace", "pattern": {"String": "ab"}, "content": ""}]})");
    const auto tokenizer = MakeTokenizer("a", decoder);
    EXPECT_TRUE(CheckTokenizer("model", *tokenizer, {.num_rows = 8}).ok());
    const absl::Status status =
        CheckTokenizer("model", *tokenizer, {.num_rows = 8, .generates = true});
    EXPECT_EQ(status.ok(), is_of_bytes) << status;
  }
}

TEST(CheckHasRows, NamesTheFirstTokenWithoutARow) {
  const auto tokenizer = MakeTokenizer("a");
  const std::vector<int32_t> ids = tokenizer->Encode("b <x> <s>", false).value();
  EXPECT_TRUE(CheckHasRows(*tokenizer, ids, 8).ok());
  const absl::Status status = CheckHasRows(*tokenizer, ids, 6);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(StartsWith("the token \"<x>\" has id 7"), HasSubstr("leave it out, or ")));
  EXPECT_TRUE(CheckHasRows(*tokenizer, std::vector<int32_t>{}, 0).ok());
}

}  // namespace
}  // namespace chorus::runner
