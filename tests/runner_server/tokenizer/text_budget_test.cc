// What the parts of a tokenizer.json may make of a text.

#include "runner_server/tokenizer/text_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "runner_server/tokenizer/build_tokenizer.h"
#include "runner_server/tokenizer/tokenizer_json.h"

namespace chorus::runner {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr bool kParsed = false;  // Special tokens that the text spells out.

absl::StatusOr<std::unique_ptr<PipelineTokenizer>> Build(const json& parts) {
  json root = json::parse(R"({"model": {"type": "Unigram", "unk_id": 0, "vocab":
      [["<unk>", 0.0], ["a", -1.0], ["\u2581", -1.0]]}})");
  root.update(parts);
  auto spec = TokenizerSpecFromJson(json::parse(root.dump()), "tokenizer.json");
  if (!spec.ok()) return spec.status();
  return BuildTokenizer(*std::move(spec), {});
}

json Times(int count, const json& part) { return json::array_t(count, part); }

json Joined(json parts, const json& more) {
  parts.insert(parts.end(), more.begin(), more.end());
  return parts;
}

json Sequence(const char* members, const json& parts) {
  return {{"type", "Sequence"}, {members, parts}};
}

json Replace(const std::string& from, const std::string& to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

// Writes "a" as `replacement`.
json Charsmap(const std::string& replacement) {
  std::vector<uint32_t> units(99);
  units['a'] = 'a' | 1 << 8 | ('a' ^ 98) << 10;  // It has a value, which lies in unit 98.
  units.insert(units.begin(), 4 * units.size());
  std::string bytes;
  for (const uint32_t unit : units) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(unit >> shift));
  }
  return {{"type", "Precompiled"},
          {"precompiled_charsmap", absl::Base64Escape(absl::StrCat(bytes, replacement, "\0"))}};
}

const json& Tenfold() {
  static const json& tenfold = *new json(Replace("a", std::string(10, 'a')));
  return tenfold;
}

void ExpectRefused(const absl::Status& status, const std::string& part) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(part));
}

TEST(TextBudget, IsSpentByWhatWasThereAtMost) {
  TextBudget budget(10);
  EXPECT_EQ(budget.room(), TextBudget::MostOf(10) - 10);
  size_t most = 10;
  EXPECT_TRUE(budget.Charge(30, most).ok());
  EXPECT_TRUE(budget.Charge(5, most).ok());
  EXPECT_TRUE(budget.Charge(30, most).ok());
  EXPECT_EQ(most, 30u);
  EXPECT_EQ(budget.room(), TextBudget::MostOf(10) - 30);
  ExpectRefused(budget.Charge(TextBudget::MostOf(10) + 1, most),
                "makes more than 4416 bytes of 10");
  EXPECT_TRUE(budget.Charge(TextBudget::MostOf(10), most).ok());
  EXPECT_EQ(budget.room(), 0u);
}

TEST(TextBudget, RefusesATextThatNormalizersGrowTooMuch) {
  const json prepend = {{"type", "Prepend"}, {"prepend", "a"}};
  const json empty = {{"type", "Replace"}, {"pattern", {{"String", ""}}}, {"content", "aaaaaaaa"}};
  for (const json& members :
       {Joined(Times(1, prepend), Times(12, Tenfold())),
        Times(1, Replace("l", std::string(4500, 'a'))),
        Times(1, {{"type", "Prepend"}, {"prepend", std::string(4500, 'a')}}), Times(12, empty),
        Times(20, {{"type", "ByteLevel"}}),
        Joined(Times(1, prepend), Times(1, Charsmap(std::string(4500, 'a')))),
        Joined(Times(1, Replace("h", std::string(100, 'a'))),
               Joined(Times(1, Replace("a", "\uFDFA")), Times(1, {{"type", "NFKD"}}))),
        // What shrinks again has been there.
        Joined(Times(1, prepend), Joined(Times(12, Tenfold()), Times(1, Replace("a", ""))))}) {
    SCOPED_TRACE(members.dump().substr(0, 200));
    const auto tokenizer = Build({{"normalizer", Sequence("normalizers", members)}});
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    const std::string part = "the tokenizer's normalizer makes more than 4448 bytes of 11";
    ExpectRefused((*tokenizer)->Encode("hello there", kParsed).status(), part);
    ExpectRefused((*tokenizer)->EncodeWithSpans("hello there", kParsed).status(), part);
    ExpectRefused((*tokenizer)->EncodeInput("", "hello there", kParsed, 16).status(), part);
    EXPECT_TRUE((*tokenizer)->Encode("", kParsed).ok());  // Others are still read.
  }
}

TEST(TextBudget, IsOneForAllPiecesOfAText) {
  json parts = {{"normalizer", Replace("a", std::string(1000, 'a'))},
                {"added_tokens", {{{"id", 3}, {"content", "<s>"}, {"special", true}}}}};
  const auto tokenizer = Build(parts);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_THAT((*tokenizer)->Encode("a<s>a<s>a<s>", kParsed).value(), SizeIs(3003));
  ExpectRefused((*tokenizer)->Encode("a<s>a<s>a<s>a<s>a<s>", kParsed).status(),
                "normalizer makes more than 4736 bytes of 20");
}

TEST(TextBudget, RefusesATextThatPreTokenizersGrowTooMuch) {
  json metaspaces = json::array();
  for (int i = 0; i < 60; ++i) {
    metaspaces.push_back({{"type", "Metaspace"}, {"replacement", i % 2 == 0 ? "\u2581" : "_"}});
  }
  for (const json& members :
       {metaspaces, Times(20, {{"type", "ByteLevel"}, {"add_prefix_space", true}})}) {
    const auto tokenizer = Build({{"pre_tokenizer", Sequence("pretokenizers", members)}});
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    ExpectRefused((*tokenizer)->Encode("hello there", kParsed).status(),
                  "the tokenizer's pre_tokenizer makes more than 4448 bytes of 11");
    EXPECT_TRUE((*tokenizer)->Encode("", kParsed).ok());
  }
}

TEST(TextBudget, RefusesAddedTokensAndVocabulariesThatGrowTooMuch) {
  const json normalizer = Sequence("normalizers", Times(12, Tenfold()));
  const json token = {{"id", 3}, {"content", "aaa"}, {"normalized", true}};
  ExpectRefused(Build({{"normalizer", normalizer}, {"added_tokens", Times(1, token)}}).status(),
                "tokenizer.json: of the added tokens the normalizer makes more than");
  ExpectRefused(Build({{"decoder", Sequence("decoders", Times(12, Tenfold()))}}).status(),
                "tokenizer.json: of the vocabulary the decoder makes more than");
}

TEST(TextBudget, RefusesTokensThatDecodersGrowTooMuch) {
  const json fuse = {{"type", "Fuse"}};
  const json regex = {
      {"type", "Replace"}, {"pattern", {{"Regex", "a"}}}, {"content", "aaaaaaaaaa"}};
  for (const json& last : {Times(12, Tenfold()), Times(12, regex)}) {
    const auto tokenizer = Build({{"decoder", Sequence("decoders", Joined(Times(1, fuse), last))}});
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    EXPECT_EQ((*tokenizer)->bytes(), nullptr);
    const std::vector<int32_t> ids(3, 1);
    ExpectRefused((*tokenizer)->Decode(ids).status(),
                  "the tokenizer's decoder makes more than 4288 bytes of 6");
    EXPECT_EQ((*tokenizer)->Decode({}).value(), "");
  }
}

TEST(TextBudget, HasRoomForAllThatKnownTokenizersDo) {
  const json steps = {{{"type", "NFKD"}},
                      {{"type", "Prepend"}, {"prepend", "\u2581"}},
                      Replace(" ", "\u2581"),
                      {{"type", "ByteLevel"}}};
  const auto tokenizer = Build({{"normalizer", Sequence("normalizers", steps)}});
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  for (const std::string character : {" ", "a", "\u0390", "\uFDFA", "\U0001D160"}) {
    std::string text;
    while (text.size() < 100'000) text += character;
    EXPECT_TRUE((*tokenizer)->Encode(text, kParsed).ok()) << character;
    EXPECT_TRUE((*tokenizer)->EncodeWithSpans(text, kParsed).ok()) << character;
  }
}

// Each word alone would be searched for a tenth of a second; the bound leaves room for sanitizers.
TEST(TextBudget, IsOneForAllSearchesOfAText) {
  const json members = {{{"type", "WhitespaceSplit"}},
                        {{"type", "Split"}, {"pattern", {{"Regex", "(a+)+b"}}}}};
  const auto tokenizer = Build({{"pre_tokenizer", Sequence("pretokenizers", members)}});
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  std::string text;
  for (int i = 0; i < 2000; ++i) text += std::string(40, 'a') + " ";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT((*tokenizer)->Encode(text, kParsed).value(), SizeIs(80'000));
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(time.count(), 60.0);
}

TEST(TextBudget, PartsAreBounded) {
  const json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const auto framed = [&](int count) {
    return json{
        {"post_processor", {{"type", "TemplateProcessing"}, {"single", Times(count, text)}}}};
  };
  EXPECT_TRUE(Build(framed(8)).ok());
  ExpectRefused(Build(framed(9)).status(), "post_processor: repeats texts: there are more than 8");
  const auto lowercase = [](int count) {
    return json{{"normalizer", Sequence("normalizers", Times(count, {{"type", "Lowercase"}}))}};
  };
  EXPECT_TRUE(Build(lowercase(255)).ok());
  ExpectRefused(Build(lowercase(256)).status(), "normalizer: has more than 256 parts: 257");
  ExpectRefused(Build({{"normalizer", Replace(std::string(20'000, 'a'), "")}}).status(),
                "the string to find has more than 16384 bytes");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    json model = {{"type", "BPE"}, {"vocab", {{"a", 0}}}, {"merges", json::array()}};
    model[key] = std::string(257, 'a');
    ExpectRefused(Build({{"model", model}}).status(),
                  absl::StrCat("\"", key, "\" has more than 256 bytes: 257"));
  }
}

}  // namespace
}  // namespace chorus::runner
