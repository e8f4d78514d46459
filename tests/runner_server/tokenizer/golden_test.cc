// Equal to Hugging Face's tokenizers to the id, over more than 20,000 strings and every character.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "runner_server/tokenizer/bert_normalizer.h"
#include "runner_server/tokenizer/detokenizer.h"
#include "runner_server/tokenizer/load_tokenizer.h"
#include "runner_server/tokenizer/unicode.h"
#include "tests/runner_server/tokenizer/golden_file.h"

namespace chorus::runner {
namespace {

using ::testing::ElementsAreArray;

// Special tokens that the text spells out.
constexpr bool kParsed = false;
constexpr bool kSplit = true;
constexpr int kRobertaFirst = 4;  // The id of GPT-2's first token in RoBERTa's vocabulary.
constexpr std::string_view kEndOfText = "<|endoftext|>";

std::unique_ptr<Tokenizer> Gpt2(const std::string& folder) {
  auto tokenizer = LoadTokenizer(folder);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return std::move(tokenizer).value();
}

std::unique_ptr<Tokenizer> Bert() {
  auto tokenizer = LoadTokenizer("models/demo/bert-sst2");
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return std::move(tokenizer).value();
}

const std::string kGpt2Folder = std::string(kTokenizerData) + "gpt2";

// Encodes the first strings, as many as the file has, and fails at the first few that differ.
void ExpectGoldenIds(const Tokenizer& tokenizer, const std::string& name, size_t min_strings) {
  const std::vector<std::string> strings = GoldenStrings();
  GoldenFile golden(name);
  const size_t num_strings = golden.Varint();
  ASSERT_GE(num_strings, min_strings);
  ASSERT_LE(num_strings, strings.size());
  int num_wrong = 0;
  for (size_t i = 0; i < num_strings; ++i) {
    const std::vector<int32_t> expected = golden.Ids();
    const std::vector<int32_t> ids = tokenizer.Encode(strings[i], kParsed).value();
    if (ids != expected && ++num_wrong <= 10) {
      EXPECT_THAT(ids, ElementsAreArray(expected))
          << "string " << i << ": " << ::testing::PrintToString(strings[i]);
    }
  }
  EXPECT_EQ(num_wrong, 0) << "of " << num_strings;
}

TEST(TokenizerGolden, Gpt2Ids) { ExpectGoldenIds(*Gpt2(kGpt2Folder), "gpt2.ids", 20000); }

TEST(TokenizerGolden, BertIds) { ExpectGoldenIds(*Bert(), "bert.ids", 20000); }

TEST(TokenizerGolden, DemoGpt2Ids) {
  ExpectGoldenIds(*Gpt2("models/demo/gpt2"), "demo_gpt2.ids", 5000);
}

// Ids by string, of the strings that have other ids than the rest.
std::map<size_t, std::vector<int32_t>> OtherIds(const std::string& name) {
  GoldenFile golden(name);
  std::map<size_t, std::vector<int32_t>> others;
  const size_t num_others = golden.Varint();
  EXPECT_GE(num_others, 100u);
  for (size_t i = 0; i < num_others; ++i) {
    const size_t index = golden.Varint();
    others[index] = golden.Ids();
  }
  return others;
}

// GPT-2's vocabulary and merges as RoBERTa has them, as the maker's roberta_files; loaded once.
const Tokenizer& Roberta() {
  static const Tokenizer& tokenizer = *[] {
    const std::filesystem::path folder = testing::TempDir() + "roberta_golden";
    std::filesystem::create_directories(folder);
    std::ifstream file(kGpt2Folder + "/vocab.json");
    nlohmann::json ids = nlohmann::json::parse(file);
    for (auto& [token, id] : ids.items()) id = id.get<int>() + kRobertaFirst;
    int id = 0;
    for (const char* token : {"<s>", "<pad>", "</s>", "<unk>"}) ids[token] = id++;
    id = static_cast<int>(ids.size());
    for (const char* token : {"madeupword0000", "madeupword0001", "madeupword0002", "<mask>"}) {
      ids[token] = id++;
    }
    std::ofstream(folder / "vocab.json") << ids;
    std::ofstream(folder / "config.json") << R"({"model_type": "roberta"})";
    std::filesystem::copy_file(kGpt2Folder + "/merges.txt", folder / "merges.txt",
                               std::filesystem::copy_options::overwrite_existing);
    auto loaded = LoadTokenizer(folder);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    std::filesystem::remove_all(folder);
    return std::move(loaded).value().release();
  }();
  return tokenizer;
}

std::vector<std::string> RobertaStrings() {
  std::vector<std::string> strings = GoldenStrings("roberta_strings.bin");
  const std::vector<std::string> more = GoldenStrings();
  strings.insert(strings.end(), more.begin(), more.end());
  return strings;
}

TEST(TokenizerGolden, RobertaIds) {
  const auto gpt2 = Gpt2(kGpt2Folder);
  const std::vector<std::string> strings = RobertaStrings();
  ASSERT_GE(strings.size(), 20000u);
  const std::map<size_t, std::vector<int32_t>> others = OtherIds("roberta.ids");
  for (size_t i = 0; i < strings.size(); ++i) {
    std::vector<int32_t> expected = {0};
    if (const auto found = others.find(i); found != others.end()) {
      expected = found->second;
    } else {
      const auto encoded = gpt2->Encode(strings[i], kParsed).value();
      for (const int32_t id : encoded) {
        expected.push_back(id + kRobertaFirst);
      }
      expected.push_back(2);
    }
    ASSERT_THAT(Roberta().Encode(strings[i], kParsed).value(), ElementsAreArray(expected))
        << "string " << i << ": " << ::testing::PrintToString(strings[i]);
  }
}

// The strings of the golden file have these ids with special tokens read as characters; those it
// leaves out the same as without.
void ExpectGoldenSplitIds(const Tokenizer& tokenizer, const std::string& name,
                          const std::vector<std::string>& strings = GoldenStrings()) {
  const std::map<size_t, std::vector<int32_t>> others = OtherIds(name);
  for (size_t i = 0; i < strings.size(); ++i) {
    const std::vector<int32_t> parsed = tokenizer.Encode(strings[i], kParsed).value();
    const auto found = others.find(i);
    const std::vector<int32_t>& expected = found == others.end() ? parsed : found->second;
    ASSERT_THAT(tokenizer.Encode(strings[i], kSplit).value(), ElementsAreArray(expected))
        << "string " << i << ": " << ::testing::PrintToString(strings[i]);
  }
}

TEST(TokenizerGolden, Gpt2SplitIds) { ExpectGoldenSplitIds(*Gpt2(kGpt2Folder), "gpt2.split_ids"); }

TEST(TokenizerGolden, BertSplitIds) { ExpectGoldenSplitIds(*Bert(), "bert.split_ids"); }

TEST(TokenizerGolden, RobertaSplitIds) {
  ExpectGoldenSplitIds(Roberta(), "roberta.split_ids", RobertaStrings());
}

TEST(TokenizerGolden, CutsGpt2IdsAtTheEnd) {
  const auto tokenizer = Gpt2(kGpt2Folder);
  const std::vector<std::string> strings = GoldenStrings();
  for (size_t i = 0; i < strings.size(); i += 20) {
    std::vector<int32_t> expected = tokenizer->Encode(strings[i], kParsed).value();
    for (const size_t max_tokens : {2, 3, 8, 30}) {
      const size_t size = std::min(expected.size(), max_tokens);
      EXPECT_THAT(EncodeAtMost(*tokenizer, strings[i], max_tokens),
                  ElementsAreArray(expected.begin(), expected.begin() + size));
    }
  }
}

void ExpectCutsInsideTheFrame(const Tokenizer& tokenizer) {
  const std::vector<std::string> strings = GoldenStrings();
  for (size_t i = 0; i < strings.size(); i += 20) {
    const std::vector<int32_t> all = tokenizer.Encode(strings[i], kParsed).value();
    for (const size_t max_tokens : {2, 3, 8, 30}) {
      std::vector<int32_t> expected(all.begin(),
                                    all.begin() + std::min(all.size() - 1, max_tokens - 1));
      expected.push_back(all.back());
      EXPECT_THAT(EncodeAtMost(tokenizer, strings[i], max_tokens), ElementsAreArray(expected));
    }
  }
}

TEST(TokenizerGolden, CutsBertTextAndKeepsTheSpecialTokens) { ExpectCutsInsideTheFrame(*Bert()); }

TEST(TokenizerGolden, CutsRobertaTextAndKeepsTheSpecialTokens) {
  ExpectCutsInsideTheFrame(Roberta());
}

// Whether the spans are those of the golden file, in whole characters, and the ids those that
// Encode gives.
void ExpectGoldenSpans(const Tokenizer& tokenizer, const std::string& name,
                       const std::vector<std::string>& strings = GoldenStrings(),
                       bool trimmed = false) {
  GoldenFile golden(name);
  const size_t num_cases = golden.Varint();
  ASSERT_GE(num_cases, 2000u);
  int num_wrong = 0;
  for (size_t i = 0; i < num_cases; ++i) {
    const std::string& text = strings.at(golden.Varint());
    const std::vector<TokenSpan> expected = golden.Spans();
    const auto spans =
        InWholeCharacters(tokenizer.EncodeWithSpans(text, kParsed).value(), text, trimmed);
    if (spans != expected && ++num_wrong <= 10) {
      EXPECT_THAT(spans, ElementsAreArray(expected)) << ::testing::PrintToString(text);
    }
  }
  EXPECT_EQ(num_wrong, 0) << "of " << num_cases;
}

TEST(TokenizerGolden, Gpt2Spans) { ExpectGoldenSpans(*Gpt2(kGpt2Folder), "gpt2.spans"); }

TEST(TokenizerGolden, RobertaSpans) {
  ExpectGoldenSpans(Roberta(), "roberta.spans", RobertaStrings(), /*trimmed=*/true);
}

TEST(TokenizerGolden, BertSpans) { ExpectGoldenSpans(*Bert(), "bert.spans"); }

TEST(TokenizerGolden, Gpt2SpansCoverTheTextAndAreTheTokensBytes) {
  const auto tokenizer = Gpt2(kGpt2Folder);
  for (const std::string& text : GoldenStrings()) {
    size_t end = 0;
    std::vector<int32_t> ids;
    const auto encoded = tokenizer->EncodeWithSpans(text, kParsed).value();
    for (const TokenSpan& span : encoded) {
      ASSERT_EQ(span.begin, end) << ::testing::PrintToString(text);
      const std::string_view bytes = tokenizer->bytes()->token_bytes(span.id);
      ASSERT_TRUE(bytes.empty() || text.substr(end, span.end - end) == bytes);
      end = span.end;
      ids.push_back(span.id);
    }
    ASSERT_EQ(end, text.size());
    ASSERT_EQ(ids, tokenizer->Encode(text, kParsed).value());
    ASSERT_EQ(tokenizer->Decode(ids).value(), text);
  }
}

TEST(TokenizerGolden, BertSpansAreInOrderAndOfTheSameTokens) {
  const auto tokenizer = Bert();
  for (const std::string& text : GoldenStrings()) {
    size_t end = 0;
    std::vector<int32_t> ids = tokenizer->Encode("", kParsed).value();  // The frame.
    const auto encoded = tokenizer->EncodeWithSpans(text, kParsed).value();
    for (const TokenSpan& span : encoded) {
      ASSERT_GT(span.end, span.begin);
      ASSERT_LE(span.end, text.size());
      ASSERT_TRUE(IsValidUtf8(text.substr(span.begin, span.end - span.begin)));
      ids.insert(ids.end() - 1, span.id);
      if (span.begin < end) {
        // Pieces of what one character became.
        ASSERT_GT(span.begin + 4, end) << ::testing::PrintToString(text);
      }
      end = span.end;
    }
    ASSERT_EQ(ids, tokenizer->Encode(text, kParsed).value());
  }
}

TEST(TokenizerGolden, BertDecodesAsHuggingFaceDoes) {
  const auto tokenizer = Bert();
  GoldenFile golden("bert_decoded.bin");
  const size_t num_cases = golden.Varint();
  ASSERT_GE(num_cases, 1000u);
  for (size_t i = 0; i < num_cases; ++i) {
    const std::vector<int32_t> ids = golden.Ids();
    ASSERT_EQ(tokenizer->Decode(ids).value(), golden.Text()) << ::testing::PrintToString(ids);
  }
}

// What a stream of these ids shows, checked to be UTF-8 at every step.
std::string Stream(const TokenBytes& bytes, const std::vector<int32_t>& ids) {
  Detokenizer detokenizer(bytes);
  std::string text;
  for (const int32_t id : ids) {
    const std::string emission = detokenizer.Append(id);
    EXPECT_TRUE(IsValidUtf8(emission));
    text += emission;
  }
  return text + detokenizer.Finish();
}

std::string Without(std::string text, std::string_view part) {
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at)) {
    text.erase(at, part.size());
  }
  return text;
}

TEST(TokenizerGolden, Gpt2StreamEqualsHuggingFacesDecoding) {
  const auto tokenizer = Gpt2(kGpt2Folder);
  GoldenFile golden("gpt2_decoded.bin");
  const size_t num_cases = golden.Varint();
  ASSERT_GE(num_cases, 4000u);
  for (size_t i = 0; i < num_cases; ++i) {
    const std::vector<int32_t> ids = golden.Ids();
    ASSERT_EQ(Stream(*tokenizer->bytes(), ids), golden.Text()) << ::testing::PrintToString(ids);
  }
}

TEST(TokenizerGolden, Gpt2DecodesItsGoldenIdsToTheirText) {
  const auto tokenizer = Gpt2(kGpt2Folder);
  const std::vector<std::string> strings = GoldenStrings();
  GoldenFile golden("gpt2.ids");
  ASSERT_EQ(golden.Varint(), strings.size());
  for (const std::string& string : strings) {
    // "<<|endoftext|>|endoftext|>" would lose two; no golden string is like that.
    ASSERT_EQ(Stream(*tokenizer->bytes(), golden.Ids()), Without(string, kEndOfText));
  }
}

// All characters in blocks of 256; see the maker for BLOCKS and SWEEPS.
std::vector<std::vector<std::string>> SweptBlocks() {
  std::vector<std::vector<std::string>> blocks;
  for (char32_t b = 0; b < 0x1100; ++b) {
    if (b >= 0x400 && (b < 0xE00 || b >= 0xE10) && b % 0x100 != 0 && b % 0x100 != 0xFF) continue;
    blocks.emplace_back();
    for (char32_t c = 256 * b; c < 256 * b + 256; ++c) {
      if (c >= 0xD800 && c <= 0xDFFF) continue;
      AppendUtf8(c, blocks.back().emplace_back());
    }
  }
  return blocks;
}

// The block with every "{}" of `around` a character in turn.
std::string SweptText(const std::vector<std::string>& block, std::string_view around) {
  std::string text;
  for (const std::string& character : block) {
    for (size_t i = 0; i < around.size(); ++i) {
      if (around.substr(i).starts_with("{}")) {
        text += character;
        ++i;
      } else {
        text += around[i];
      }
    }
  }
  return text;
}

uint64_t Fnv1a(std::string_view bytes) {
  uint64_t value = 0xCBF29CE484222325;
  for (const char byte : bytes) value = (value ^ static_cast<uint8_t>(byte)) * 0x100000001B3;
  return value;
}

std::string LittleEndian(const std::vector<int32_t>& ids) {
  std::string bytes;
  for (const int32_t id : ids) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(id >> shift));
  }
  return bytes;
}

TEST(TokenizerGolden, TakesEveryCharacterForWhatHuggingFaceDoes) {
  const auto gpt2 = Gpt2(kGpt2Folder);
  const auto bert = Bert();
  const std::vector<std::vector<std::string>> blocks = SweptBlocks();
  GoldenFile golden("sweep.bin");
  const auto sweep = [&](const char* name, std::string_view around,
                         const std::function<std::string(std::string_view)>& process) {
    for (const std::vector<std::string>& block : blocks) {
      EXPECT_EQ(Fnv1a(process(SweptText(block, around))), golden.Fixed64())
          << name << ": a character from U+" << std::hex
          << uint32_t{DecodeUtf8(block.front()).code_point};
    }
  };
  const auto normalizer_sweep = [&](const char* name, const BertNormalizer::Options& options) {
    const BertNormalizer normalizer(options);
    sweep(name, "a{}\u0301\u1b44{}\u0345\u302e{}\u1b44A{}\n",
          [&](std::string_view text) { return normalizer.Normalize(text); });
  };
  // The origins of every character's bytes, which are counted character by character.
  for (const std::vector<std::string>& block : blocks) {
    const BertNormalizer normalizer({});
    const std::string text = SweptText(block, "a{}\u0301\u1b44{}\u0345\u302e{}\u1b44A{}\n");
    EXPECT_EQ(normalizer.Origins(text).size(), normalizer.Normalize(text).size());
  }
  normalizer_sweep("clean_text", {true, false, false, false});
  normalizer_sweep("handle_chinese_chars", {false, true, false, false});
  normalizer_sweep("strip_accents", {false, false, true, false});
  normalizer_sweep("lowercase", {false, false, false, true});
  normalizer_sweep("all", {true, true, true, true});
  sweep("bert", "a{}a\n",
        [&](std::string_view text) { return LittleEndian(bert->Encode(text, kParsed).value()); });
  sweep("gpt2", "a{}1{} {}.{}\n",
        [&](std::string_view text) { return LittleEndian(gpt2->Encode(text, kParsed).value()); });
}

}  // namespace
}  // namespace chorus::runner
