// Every kind of part that tokenizer.json knows, equal to Hugging Face's tokenizers over texts with
// all that is odd in Unicode. tools/golden/make_pipeline_golden.py says what the file holds.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "runner_server/tokenizer/aligned_text.h"
#include "runner_server/tokenizer/build_tokenizer.h"
#include "runner_server/tokenizer/detokenizer.h"
#include "runner_server/tokenizer/tokenizer_json.h"
#include "runner_server/tokenizer/unicode_normal_form.h"
#include "tests/runner_server/tokenizer/golden_file.h"

namespace chorus::runner {
namespace {

using nlohmann::json;

constexpr bool kParsed = false;  // Special tokens that the text spells out.

const json& Golden() {
  static const json& golden = *[] {
    std::ifstream file(std::string(kTokenizerData) + "pipelines.json");
    EXPECT_TRUE(file);
    return new json(json::parse(file));
  }();
  return golden;
}

// Bytes of the text before a character.
size_t ByteOf(const std::string& text, size_t character) {
  size_t at = 0;
  for (; character > 0 && at < text.size(); --character) {
    ++at;
    while (at < text.size() && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) ++at;
  }
  return at;
}

// A text is given spaces that have no place here, and the first character's there.
bool IsSameSpan(const TokenSpan& ours, const TokenSpan& theirs, const std::string& text) {
  if (ours == theirs) return true;
  return ours.id == theirs.id && ours.begin == ours.end &&
         theirs.end <= ByteOf(text.substr(theirs.begin), 1) + theirs.begin;
}

void ExpectSpans(const Tokenizer& tokenizer, const std::string& text, const json& expected) {
  const auto spans = tokenizer.EncodeWithSpans(text, kParsed).value();
  ASSERT_EQ(spans.size(), expected.size());
  for (size_t i = 0; i < spans.size(); ++i) {
    TokenSpan ours = spans[i];
    const bool is_empty = ours.begin == ours.end;
    if (!is_empty) ours = InWholeCharacters({ours}, text)[0];
    const TokenSpan theirs = {expected[i][0], ByteOf(text, expected[i][1]),
                              ByteOf(text, expected[i][2])};
    EXPECT_TRUE(IsSameSpan(ours, theirs, text))
        << "token " << i << ": " << ::testing::PrintToString(ours) << " and not "
        << ::testing::PrintToString(theirs);
  }
}

std::string Decomposed(std::string_view text) {
  TextBudget budget(text.size());
  AlignedText aligned(text, 0, /*tracked=*/false, budget);
  EXPECT_TRUE(Normalize(NormalForm::kNfd, aligned).ok());
  return std::string(aligned.text());
}

bool HasReorderedMarks(std::string_view text) {
  std::string parts;
  for (size_t i = 0; i < text.size();) {
    const size_t size = DecodeUtf8(text.substr(i)).num_bytes;
    parts += Decomposed(text.substr(i, size));
    i += size;
  }
  return parts != Decomposed(text);
}

std::vector<int32_t> IdsOf(const json& tokens) {
  std::vector<int32_t> ids;
  for (const json& token : tokens) ids.push_back(token[0]);
  return ids;
}

// Streams the tokens that are not special. What bytes that are no character become in a stream is
// a test of its own.
void ExpectStreamed(const PipelineTokenizer& tokenizer, std::vector<int32_t> ids,
                    const json& added_tokens) {
  for (const json& token : added_tokens) {
    if (token["special"]) std::erase(ids, token["id"].get<int32_t>());
  }
  const std::string expected = tokenizer.Decode(ids).value();
  if (tokenizer.bytes() == nullptr || expected.find("\uFFFD") != std::string::npos) return;
  Detokenizer detokenizer(*tokenizer.bytes());
  std::string streamed;
  for (const int32_t id : ids) streamed += detokenizer.Append(id);
  EXPECT_EQ(streamed + detokenizer.Finish(), expected);
}

TEST(PipelineGolden, DoesAsHuggingFaceDoes) {
  const std::vector<std::string> texts = Golden()["texts"];
  ASSERT_GE(texts.size(), 30u);
  const json& pipelines = Golden()["pipelines"];
  ASSERT_GE(pipelines.size(), 120u);
  for (const json& pipeline : pipelines) {
    const auto name = pipeline["name"].get<std::string>();
    json root = pipeline["tokenizer"];
    root["model"] = Golden()["models"][root["model"].get<std::string>()];
    auto spec = TokenizerSpecFromJson(std::move(root), "tokenizer.json");
    ASSERT_TRUE(spec.ok()) << name << ": " << spec.status();
    const auto tokenizer = BuildTokenizer(*std::move(spec), {});
    ASSERT_TRUE(tokenizer.ok()) << name << ": " << tokenizer.status();
    const std::string decoder = pipeline["tokenizer"]["decoder"].dump();
    if (decoder.find("CTC") != std::string::npos || decoder.find("BPE") != std::string::npos) {
      EXPECT_NE((*tokenizer)->bytes(), nullptr) << name;
    }
    const std::string normalizer = pipeline["tokenizer"]["normalizer"].dump();
    const bool has_normal_form = normalizer.find("\"NF") != std::string::npos ||
                                 normalizer.find("BertNormalizer") != std::string::npos;
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::string& text = texts[i];
      SCOPED_TRACE(name + ": " + ::testing::PrintToString(text));
      const json& expected = pipeline["cases"][i];
      const Encoding encoding =
          (*tokenizer)->EncodeInput(text, std::nullopt, kParsed, SIZE_MAX).value();
      EXPECT_EQ(json(encoding.ids), expected["ids"]);
      if (expected.contains("pair")) {
        const Encoding pair =
            (*tokenizer)
                ->EncodeInput(text, texts[(i + 1) % texts.size()], kParsed, SIZE_MAX)
                .value();
        EXPECT_EQ(json(encoding.type_ids), expected["types"]);
        EXPECT_EQ(json::array({pair.ids, pair.type_ids}), expected["pair"]);
      }
      if (expected.contains("tokens")) {  // A word's end has no place in the text.
        // The library tells the place of one reordered mark for another's.
        if (!has_normal_form || !HasReorderedMarks(text)) {
          ExpectSpans(**tokenizer, text, expected["tokens"]);
        }
        const std::vector<int32_t> ids = IdsOf(expected["tokens"]);
        EXPECT_EQ((*tokenizer)->Decode(ids).value(), expected["decoded"]);
        ExpectStreamed(**tokenizer, ids, pipeline["tokenizer"]["added_tokens"]);
      }
      ASSERT_LT(
          ::testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count(),
          50);
    }
  }
}

}  // namespace
}  // namespace chorus::runner
