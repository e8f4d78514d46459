#include "runner_server/tokenizer/load_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <climits>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "runner_server/tokenizer/detokenizer.h"
#include "tests/runner_server/tokenizer/golden_file.h"

namespace chorus::runner {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;

constexpr bool kParsed = false;  // Special tokens that the text spells out.

std::filesystem::path GoldenFolder(const std::string& name) {
  return std::string(kTokenizerData) + "folders/" + name;
}

json Expected(const std::string& name) {
  std::ifstream file(GoldenFolder(name) / "expected.json");
  EXPECT_TRUE(file) << name;
  return json::parse(file);
}

std::vector<int32_t> Ids(const json& ids) { return ids.get<std::vector<int32_t>>(); }

// Spans without text, wherever they lie.
std::vector<TokenSpan> WithoutPlaceIfEmpty(std::vector<TokenSpan> spans) {
  for (TokenSpan& span : spans) {
    if (span.begin == span.end) span.begin = span.end = 0;
  }
  return spans;
}

// Each text of spans.json in whole characters, as that has it.
void ExpectSpans(const std::string& name, const Tokenizer& tokenizer, bool trimmed = false) {
  std::ifstream file(GoldenFolder(name) / "spans.json");
  ASSERT_TRUE(file) << name;
  for (const json& entry : json::parse(file)) {
    const auto text = entry["text"].get<std::string>();
    std::vector<TokenSpan> expected;
    for (const json& token : entry["tokens"]) expected.push_back({token[0], token[1], token[2]});
    const auto spans =
        InWholeCharacters(tokenizer.EncodeWithSpans(text, kParsed).value(), text, trimmed);
    EXPECT_EQ(WithoutPlaceIfEmpty(spans), WithoutPlaceIfEmpty(expected)) << text;
  }
}

// Each text of split.json, its special tokens read as characters.
void ExpectSplitIds(const std::string& name, const Tokenizer& tokenizer) {
  std::ifstream file(GoldenFolder(name) / "split.json");
  ASSERT_TRUE(file) << name;
  for (const json& entry : json::parse(file)) {
    const auto text = entry["text"].get<std::string>();
    EXPECT_EQ(tokenizer.Encode(text, /*split_special_tokens=*/true).value(), Ids(entry["ids"]))
        << text;
  }
}

std::vector<std::string> FoldersOf(std::string_view kind) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(GoldenFolder(""))) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kind)) names.push_back(name);
  }
  return names;
}

void ExpectAsAutoTokenizer(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const json expected = Expected(name);
    const auto tokenizer = LoadTokenizer(GoldenFolder(name));
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    ExpectSpans(name, **tokenizer,
                /*trimmed=*/name.starts_with("roberta") && name != "roberta_json_template");
    ExpectSplitIds(name, **tokenizer);
    for (const json& entry : expected["cases"]) {
      const auto text = entry["text"].get<std::string>();
      const std::vector<int32_t> ids = (*tokenizer)->Encode(text, kParsed).value();
      EXPECT_EQ(ids, Ids(entry["ids"])) << text;
      EXPECT_EQ(EncodeAtMost(**tokenizer, text, 5), Ids(entry["first_5"])) << text;
      if (!entry.contains("decoded")) continue;
      ASSERT_NE((*tokenizer)->bytes(), nullptr);
      Detokenizer detokenizer(*(*tokenizer)->bytes());
      std::string streamed;
      for (const int32_t id : ids) streamed += detokenizer.Append(id);
      EXPECT_EQ(streamed + detokenizer.Finish(), entry["decoded"]);
    }
  }
}

TEST(LoadTokenizer, DoesAsAutoTokenizerDoesWithByteLevelFoldersOfEveryMake) {
  const std::vector<std::string> names = FoldersOf("bpe");
  ASSERT_EQ(names.size(), 10u);
  ExpectAsAutoTokenizer(names);
}

TEST(LoadTokenizer, DoesAsAutoTokenizerDoesWithRobertasFoldersOfEveryMake) {
  const std::vector<std::string> names = FoldersOf("roberta");
  ASSERT_EQ(names.size(), 12u);
  ExpectAsAutoTokenizer(names);
}

TEST(LoadTokenizer, DoesAsAutoTokenizerDoesWithBertsFoldersOfEveryMake) {
  const std::vector<std::string> names = FoldersOf("bert");
  ASSERT_EQ(names.size(), 11u);
  ExpectAsAutoTokenizer(names);
}

TEST(LoadTokenizer, DoesAsAutoTokenizerDoesWithSentencePieceModels) {
  const std::vector<std::string> names = FoldersOf("spm");
  ASSERT_EQ(names.size(), 7u);
  ExpectAsAutoTokenizer(names);
}

// A copy of a golden folder whose files the test then changes.
class BrokenFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "load_tokenizer_test.XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void CopyFrom(const std::string& name) {
    std::filesystem::remove_all(folder_);
    std::filesystem::copy(GoldenFolder(name), folder_);
  }

  std::string Read(const std::string& file) const {
    std::ifstream in(folder_ / file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  void Write(const std::string& file, std::string_view content) const {
    std::ofstream(folder_ / file, std::ios::binary) << content;
  }

  // Replaces the first occurrence.
  void Replace(const std::string& file, std::string_view from, std::string_view to) const {
    std::string content = Read(file);
    const size_t at = content.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    Write(file, content.replace(at, from.size(), to));
  }

  // Merges a JSON patch (RFC 7396) into a file.
  void Patch(const std::string& file, const json& patch) const {
    json content = json::parse(Read(file));
    content.merge_patch(patch);
    Write(file, content.dump());
  }

  absl::Status Load() const { return LoadTokenizer(folder_).status(); }

  std::filesystem::path folder_;
};

void ExpectInvalid(const absl::Status& status, std::initializer_list<std::string> parts) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  for (const std::string& part : parts) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  }
}

TEST_F(BrokenFolderTest, NamesMissingFiles) {
  EXPECT_EQ(Load().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(Load().message()),
              AllOf(HasSubstr(folder_.string()), HasSubstr("no tokenizer.json"),
                    HasSubstr("vocab.json"), HasSubstr("vocab.txt")));
  CopyFrom("bpe_files");
  std::filesystem::remove(folder_ / "merges.txt");
  EXPECT_EQ(Load().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(Load().message()),
              AllOf(HasSubstr("merges.txt"), Not(HasSubstr("vocab.txt"))));
}

TEST_F(BrokenFolderTest, RefusesAFolderInAFilesPlace) {
  std::filesystem::create_directories(folder_ / "vocab.txt");
  ExpectInvalid(Load(), {"vocab.txt", "not a file"});
}

TEST_F(BrokenFolderTest, RefusesWrongVocabJson) {
  CopyFrom("bpe_files");
  for (const auto& [content, part] : std::vector<std::pair<std::string, std::string>>{
           {"", "vocab.json: line 1, column 1"},
           {"{\"a\": 0", "vocab.json: line 1, column 8"},
           {"[1]", "must hold a JSON object, not array"},
           {"{\"a\xFF\": 0}", "column 4: syntax error while parsing object key - invalid string"},
           {"{\"\\ud80\": 0}", "line 1, column 8"},
           {"{\"a\": NaN}",
            "the id of \"a\" is not a whole number below 1, the number of tokens: NaN"},
           {"{\"a\": 0, \"b\": 2}", "below 2"},
           {"{\"a\": 0, \"b\": -1}", "below 2"},
           {"{\"a\": 0, \"b\": 0.5}", "0.5"},
           {"{\"a\": 0, \"b\": \"1\"}", "\"1\""},
           {"{\"a\": 0, \"b\": 18446744073709551615}", "18446744073709551615"},
           {"{\"a\": 0, \"b\": 0}", "both have id 0"},
           {"{\"a\": " + std::string(100000, '[') + "}",
            "line 1, column 906: nested deeper than 900"},
           {"{\"" + std::string(1025, 'a') + "\": 0}", "longer than 1024 bytes"},
           {"{\"a\": 0}", "byte 0x00"}}) {
    Write("vocab.json", content);
    ExpectInvalid(Load(), {folder_.string(), part});
  }
}

TEST_F(BrokenFolderTest, NamesTheFirstBadLineOfMergesTxt) {
  CopyFrom("bpe_files");
  for (const auto& [content, part] : std::vector<std::pair<std::string, std::string>>{
           {"", "first line"},
           {"#version: 0.2\nt h\nth\n", "merges.txt: line 3"},
           {"#version: 0.2\nt h e\n", "merges.txt: line 2"},
           {"#version: 0.2\n\n", "merges.txt: line 2"},
           {"#version: 0.2\n h\n", "merges.txt: line 2"},
           {"#version: 0.2\nt \n", "merges.txt: line 2"},
           {"#version: 0.2\nt h\n\xE2\x82 a\n", "line 3 is not UTF-8"},
           {"#version: 0.2\n語 h\n", "merges what is not in the vocabulary"},
           {"#version: 0.2\n! z\n", "makes what is not in the vocabulary"}}) {
    Write("merges.txt", content);
    ExpectInvalid(Load(), {folder_.string(), part});
  }
}

TEST_F(BrokenFolderTest, RefusesByNameWhatBpeJsonAsksForInVain) {
  for (const auto& [patch, part] : std::vector<std::pair<std::string, std::string>>{
           {R"({"model": {"type": "Unigram"}})", "a list of tokens and their scores"},
           {R"({"model": {"type": "Brand"}})", "\"type\": \"Brand\""},
           {R"({"model": {"dropout": 0.1}})", "\"dropout\": 0.1"},
           {R"({"model": {"continuing_subword_prefix": "##"}})", "merge 1"},
           {R"({"model": {"brand_new": 1}})", "brand_new"},
           {R"({"model": {"merges": {}}})", "\"merges\" must be a list"},
           {R"({"model": {"merges": ["t h e"]}})", "merges[0]"},
           {R"({"model": {"merges": [["t", "h"], ["t"]]}})", "merges[1]"},
           {R"({"model": {"vocab": []}})", "model.vocab"},
           {R"({"normalizer": {"type": "Brand"}})", "normalizer: Chorus does not implement"},
           {R"({"normalizer": {"type": "Replace", "pattern": {"Regex": "(a"}, "content": ""}})",
            "normalizer: the regular expression \"(a\" is not one"},
           {R"({"normalizer": {"type": "Replace", "pattern": {"Regex": "(a{999}){2000}"}}})",
            "repeats its parts too often"},
           {R"({"normalizer": {"type": "Replace", "pattern": {}}})", "pattern"},
           {R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AA"}})",
            "the map of characters has no beginning"},
           {R"({"normalizer": []})", "\"normalizer\" must be an object"},
           {R"({"pre_tokenizer": {"type": "Sequence"}})", "pretokenizers"},
           {R"({"pre_tokenizer": {"type": "Split", "pattern": {"String": "a"},
                "behavior": "Odd"}})",
            "\"behavior\": \"Odd\""},
           {R"({"pre_tokenizer": {"type": "Metaspace", "replacement": "ab"}})", "replacement"},
           {R"({"post_processor": {"type": "BertProcessing"}})", "post_processor"},
           {R"({"post_processor": {"type": "TemplateProcessing", "add_prefix_space": null,
                "trim_offsets": null, "use_regex": null}})",
            "single"},
           {R"({"post_processor": {"type": "TemplateProcessing", "add_prefix_space": null,
                "trim_offsets": null, "use_regex": null, "single": [
                {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}]}})",
            "single"},
           {R"({"post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel"},
                {"type": "BertProcessing"}]}})",
            "post_processor.processors[1]: Chorus does not implement"},
           {R"({"post_processor": {"type": "Sequence", "processors": [{"type": "Sequence"}]}})",
            "post_processor.processors[0]"},
           {R"({"decoder": {"type": "Brand"}})", "decoder: Chorus does not implement"},
           {R"({"decoder": {"type": "CTC", "pad_token": 1}})", "\"pad_token\" must be a string"},
           {R"({"plugins": {}})", "plugins"},
           {R"({"added_tokens": {}})", "must be a list"},
           {R"({"added_tokens": [{"id": 320}]})", "has no \"content\""},
           {R"({"added_tokens": [{"id": -1, "content": "x"}]})", "\"id\""},
           {R"({"added_tokens": [{"id": 321, "content": "<a>"}]})", "no token has id 320"},
           {R"({"added_tokens": [{"id": 0, "content": "<a>"}]})", "is taken"},
           {R"({"added_tokens": [{"id": 5, "content": "A"}]})", "in the model's vocabulary"},
           {R"({"added_tokens": [{"id": 320, "content": "a", "lstrip": 1}]})", "lstrip"},
           {R"({"post_processor": {"type": "TemplateProcessing", "add_prefix_space": null,
                "trim_offsets": null, "use_regex": null, "single": [
                {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}]}})",
            "single"},
           {R"({"post_processor": {"type": "TemplateProcessing", "add_prefix_space": null,
                "trim_offsets": null, "use_regex": null, "single": [
                {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}]}})",
            "pair"},
           {R"({"post_processor": {"type": "Sequence", "processors": [
                {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "a"}},
                 {"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "a"}}]},
                {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}]}]}})",
            "processors[1]: frames what has been framed before, in 3 parts"},
           {R"({"post_processor": {"type": "RobertaProcessing", "use_regex": null, "sep": "</s>",
                "cls": ["<s>", 0]}})",
            "\"sep\""},
           {R"({"post_processor": {"type": "RobertaProcessing", "use_regex": null,
                "sep": ["</s>", 2], "cls": ["<s>", 99999]}})",
            "past the vocabulary"},
           {R"({"added_tokens": [{"id": 320, "content": "a", "rstrip": 1}]})", "rstrip"},
           {R"({"added_tokens": [{"id": 320, "content": "a", "single_word": 1}]})",
            "single_word"}}) {
    CopyFrom("bpe_json_prefix");
    Patch("tokenizer.json", json::parse(patch));
    ExpectInvalid(Load(), {folder_.string(), part});
  }
}

TEST_F(BrokenFolderTest, TakesPostProcessorsThatAddNothing) {
  const std::vector<int32_t> ids = [&] {
    CopyFrom("bpe_json_prefix");
    return LoadTokenizer(folder_).value()->Encode("the the", false).value();
  }();
  for (const char* patch : {R"({"post_processor": null})",
                            R"({"post_processor": {"type": "Sequence", "processors": []}})",
                            R"({"post_processor": {"type": "Sequence", "processors": [
            {"type": "ByteLevel", "trim_offsets": false},
            {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}],
             "pair": [], "special_tokens": {}}]}})"}) {
    CopyFrom("bpe_json_prefix");
    Patch("tokenizer.json", json::parse(patch));
    const auto tokenizer = LoadTokenizer(folder_);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    EXPECT_EQ((*tokenizer)->Encode("the the", false).value(), ids) << patch;
  }
}

// As tokenizers does.
TEST_F(BrokenFolderTest, TakesNoNoticeOfAnEmptyAddedTokenAndOfTheSameMergeBefore) {
  CopyFrom("bpe_json_prefix");
  const std::vector<int32_t> ids = LoadTokenizer(folder_).value()->Encode("the the", false).value();
  json merges = json::parse(Read("tokenizer.json"))["model"]["merges"];
  merges.insert(merges.begin(), merges.back());
  Patch("tokenizer.json", {{"model", {{"merges", merges}}},
                           {"added_tokens", json::array({{{"id", 320}, {"content", ""}}})}});
  const auto tokenizer = LoadTokenizer(folder_);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->Encode("the the", false).value(), ids);
}

// As transformers does.
TEST_F(BrokenFolderTest, TakesTheSideOfTruncationFromTheTokenizerIfTheConfigHasNone) {
  CopyFrom("bert_json");
  const auto cut = [this] {
    std::vector<int32_t> ids =
        LoadTokenizer(folder_).value()->EncodeInput("a b", std::nullopt, false, 3).value().ids;
    return std::vector<int32_t>(ids.begin() + 1, ids.end() - 1);
  };
  const auto ids = [this](std::string_view text) {
    std::vector<int32_t> ids;
    const auto encoded = LoadTokenizer(folder_).value()->EncodeWithSpans(text, false).value();
    for (const TokenSpan& span : encoded) {
      ids.push_back(span.id);
    }
    return ids;
  };
  EXPECT_EQ(cut(), ids("a"));
  Patch("tokenizer.json", json::parse(R"({"truncation": {"direction": "Left", "max_length": 9}})"));
  EXPECT_EQ(cut(), ids("b"));
  Write("tokenizer_config.json", R"({"truncation_side": "right"})");
  EXPECT_EQ(cut(), ids("a"));
}

TEST_F(BrokenFolderTest, RefusesByNameWhatBertJsonAsksForInVain) {
  for (const auto& [patch, part] : std::vector<std::pair<std::string, std::string>>{
           {R"({"model": {"type": "BPE"}})", "model: \"merges\" must be a list"},
           {R"({"model": {"unk_token": "<unk>"}})", "\"<unk>\" (stands for unknown words)"},
           {R"({"model": {"max_input_chars_per_word": -1}})", "max_input_chars_per_word"},
           {R"({"normalizer": {"type": "Sequence"}})", "normalizer"},
           {R"({"normalizer": {"lowercase": "yes"}})", "\"lowercase\" must be true or false"},
           {R"({"post_processor": {"single": []}})", "single"}}) {
    CopyFrom("bert_json");
    Patch("tokenizer.json", json::parse(patch));
    ExpectInvalid(Load(), {folder_.string(), part});
  }
}

TEST_F(BrokenFolderTest, RefusesWrongSettings) {
  for (const auto& [config, part] : std::vector<std::pair<std::string, std::string>>{
           {R"({"do_lower_case": 1})", "\"do_lower_case\" must be true or false: 1"},
           {R"({"truncation_side": "up"})", "\"truncation_side\": \"up\""},
           {R"({"split_special_tokens": true})", "split_special_tokens"},
           {R"({"sep_token": null})", "(frames texts)"},
           {R"({"unk_token": 5})", "unk_token"},
           {R"({"additional_special_tokens": "a"})", "must be a list"},
           {R"({"extra_special_tokens": "a"})", "must be a list"},
           {R"({"extra_special_tokens": {"image_token": 1}})", "extra_special_tokens"},
           {R"({"added_tokens_decoder": []})", "must be an object"},
           {R"({"added_tokens_decoder": {"x": {"content": "a"}}})", "added_tokens_decoder[\"x\"]"},
           {R"({"added_tokens_decoder": {"900": {"content": "<a>"}}})", "leaves a gap"},
           {"{\n", "tokenizer_config.json: line 2, column 1: "},
           {R"({"model_max_length": NaN})", "\"model_max_length\" must be"},
           {R"({"do_lower_case": NaN})", "\"do_lower_case\" must be true or false: NaN"}}) {
    CopyFrom("bert_vocab");
    Write("tokenizer_config.json", config);
    ExpectInvalid(Load(), {folder_.string(), part});
  }
}

TEST_F(BrokenFolderTest, ReadsTheLongestTextFromTheTokenizersConfig) {
  CopyFrom("bert_vocab");
  const auto max_length = [this](const std::string& config) {
    Write("tokenizer_config.json", config);
    const auto pieces = LoadTokenizer(folder_);
    EXPECT_TRUE(pieces.ok()) << pieces.status();
    return pieces.ok() ? (*pieces)->model_max_length() : 0;
  };
  EXPECT_EQ(max_length("{}"), INT_MAX);
  EXPECT_EQ(max_length(R"({"model_max_length": null})"), INT_MAX);
  EXPECT_EQ(max_length(R"({"model_max_length": 128})"), 128);
  EXPECT_EQ(max_length(R"({"model_max_length": 2.0})"), 2);
  EXPECT_EQ(max_length(R"({"model_max_length": 4294967296})"), INT_MAX);
  // As transformers writes int(1e30), and as others do.
  EXPECT_EQ(max_length(R"({"model_max_length": 1000000000000000019884624838656})"), INT_MAX);
  EXPECT_EQ(max_length(R"({"model_max_length": 1e30})"), INT_MAX);
  EXPECT_EQ(max_length(R"({"model_max_length": Infinity})"), INT_MAX);
  for (const char* length : {"1", "0", "-1", "\"512\"", "true"}) {
    Write("tokenizer_config.json", absl::StrFormat(R"({"model_max_length": %s})", length));
    ExpectInvalid(Load(), {"tokenizer_config.json: \"model_max_length\" must be", length});
  }
}

// The ids are transformers' (4.57.6): behind the vocabulary, by role and then by the lists' order.
TEST_F(BrokenFolderTest, AddsTheSpecialTokensThatTheVocabularyLacks) {
  for (const std::string name : {"bert_vocab", "bert_json"}) {
    CopyFrom(name);
    const int32_t size = LoadTokenizer(folder_).value()->vocab_size();
    Write("tokenizer_config.json", R"({
      "additional_special_tokens": ["<bar>", {"content": "<foo>", "lstrip": true}, "[SEP]"],
      "extra_special_tokens": {"image_token": "<image>", "other_token": "<bar>"},
      "bos_token": "<s>", "mask_token": "<m>", "eos_token": "</s>"})");
    const auto tokenizer = LoadTokenizer(folder_);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    std::vector<int32_t> ids;
    const auto encoded =
        (*tokenizer)->EncodeWithSpans("<s></s><m><bar> <foo><image>", false).value();
    for (const TokenSpan& span : encoded) {
      ids.push_back(span.id - size);
    }
    EXPECT_THAT(ids, testing::ElementsAre(0, 1, 2, 3, 4, 5)) << name;
    EXPECT_EQ((*tokenizer)->vocab_size(), size + 6) << name;
  }
}

TEST_F(BrokenFolderTest, TakesTheExtraSpecialTokensOfTransformers5) {
  CopyFrom("bert_json");
  const int32_t size = LoadTokenizer(folder_).value()->vocab_size();
  Write("tokenizer_config.json", R"({"extra_special_tokens": ["<a>", "<b>"]})");
  const auto tokenizer = LoadTokenizer(folder_);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->EncodeWithSpans("<b>", false).value().at(0).id, size + 1);
}

TEST_F(BrokenFolderTest, RefusesWrongOlderFiles) {
  CopyFrom("bpe_files");
  Write("added_tokens.json", R"({"<a>": "320"})");
  ExpectInvalid(Load(), {"added_tokens.json", "\"<a>\" must be a token's id"});
  Write("added_tokens.json", R"({"<a>": null})");
  ExpectInvalid(Load(), {"added_tokens.json", "has no id"});
  std::filesystem::remove(folder_ / "added_tokens.json");
  Write("special_tokens_map.json", R"({"eos_token": ["<a>"]})");
  ExpectInvalid(Load(), {"special_tokens_map.json", "eos_token"});
}

TEST_F(BrokenFolderTest, RefusesFilesTooLargeToBeWhatTheySay) {
  CopyFrom("bert_vocab");
  std::filesystem::resize_file(folder_ / "vocab.txt", (uint64_t{64} << 20) + 1);
  ExpectInvalid(Load(), {"vocab.txt", "larger than 67108864 bytes"});
  std::string lines;
  for (int i = 0; i < (1 << 20) + 1; ++i) lines += "a\n";
  Write("vocab.txt", lines);
  ExpectInvalid(Load(), {folder_.string(), "more than 1048576 tokens: 10485"});
}

// `text` with up to three bytes changed or stretches replaced by others of it.
std::string Damaged(const std::string& text, std::mt19937& random) {
  std::string damaged = text;
  for (size_t i = 0; i <= random() % 3; ++i) {
    const size_t at = random() % damaged.size();
    if (random() % 2 == 0) {
      damaged[at] = static_cast<char>(random());
    } else {
      damaged.replace(at, random() % 4, text.substr(random() % text.size(), 5));
    }
  }
  return damaged;
}

// Loads, and if that succeeds encodes.
absl::Status TryOut(const std::filesystem::path& folder) {
  const auto tokenizer = LoadTokenizer(folder);
  if (!tokenizer.ok()) return tokenizer.status();
  EXPECT_THAT(EncodeAtMost(**tokenizer, "the 東 <pad>", 8), SizeIs(Le(8u)));
  return absl::OkStatus();
}

TEST_F(BrokenFolderTest, SurvivesDamagedFiles) {
  std::mt19937 random(3);
  int num_loaded = 0;
  int num_refused = 0;
  for (const std::string name : {"bpe_files_decoder", "bpe_json", "bert_vocab", "bert_json"}) {
    CopyFrom(name);
    for (const char* file :
         {"tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "vocab.txt"}) {
      if (!std::filesystem::exists(folder_ / file)) continue;
      const std::string whole = Read(file);
      for (int round = 0; round < 100; ++round) {
        Write(file, Damaged(whole, random));
        const absl::Status status = TryOut(folder_);
        EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
        ++(status.ok() ? num_loaded : num_refused);
      }
      Write(file, whole);
    }
  }
  EXPECT_GT(num_loaded, 20);
  EXPECT_GT(num_refused, 50);
}

TEST_F(BrokenFolderTest, RefusesVocabTxtThatIsNotUtf8) {
  CopyFrom("bert_vocab");
  Replace("vocab.txt", "hello\n", "hell\xC3\n");
  ExpectInvalid(Load(), {"vocab.txt: line 6 is not UTF-8"});
}

TEST_F(BrokenFolderTest, RefusesVocabTxtWithoutTheUnknownToken) {
  CopyFrom("bert_vocab");
  Replace("vocab.txt", "[UNK]\n", "[unk]\n");
  ExpectInvalid(Load(), {folder_.string(), "\"[UNK]\""});
}

}  // namespace
}  // namespace chorus::runner
