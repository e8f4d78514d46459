#include "runner_server/tokenizer/vocabulary_spec.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "runner_server/tokenizer/vocabulary_files.h"

namespace chorus::runner {
namespace {

using nlohmann::json;
using Kind = TokenizerClass::Kind;

constexpr char kQwen2Pattern[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

std::string Special(const TokenizerConfig& config, const char* role) {
  const auto found = config.special_tokens.find(role);
  return found == config.special_tokens.end() ? std::string() : found->second.content;
}

json Text(const char* id, int type_id) {
  return {{"Sequence", {{"id", id}, {"type_id", type_id}}}};
}

json Token(const std::string& id, int type_id) {
  return {{"SpecialToken", {{"id", id}, {"type_id", type_id}}}};
}

json ByteLevel(bool add_prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", false},
          {"use_regex", use_regex}};
}

json RobertaProcessing(const TokenizerConfig& config, bool prefix_space) {
  return {{"type", "RobertaProcessing"},
          {"sep", {Special(config, "sep_token"), nullptr}},
          {"cls", {Special(config, "cls_token"), nullptr}},
          {"trim_offsets", config.trim_offsets.value_or(true)},
          {"add_prefix_space", prefix_space}};
}

json BosTemplate(const std::string& bos) {
  return {{"type", "TemplateProcessing"},
          {"single", json::array({Token(bos, 0), Text("A", 0)})},
          {"pair", json::array({Token(bos, 0), Text("A", 0), Text("B", 1)})}};
}

}  // namespace

absl::StatusOr<TokenizerSpec> ReadVocabularyAndMerges(const std::filesystem::path& folder,
                                                      const TokenizerClass& tokenizer_class,
                                                      const TokenizerConfig& config) {
  TokenizerSpec spec;
  spec.source = folder.string();
  ASSIGN_OR_RETURN(spec.tokens, ReadVocabJson(folder / "vocab.json"));
  ASSIGN_OR_RETURN(MergesTxt file, ReadMergesTxt(folder / "merges.txt"));
  spec.merges = std::move(file.merges);
  spec.unread_merge = std::move(file.rest);
  const bool prefix_space = config.add_prefix_space.value_or(false);
  spec.model = {{"type", "BPE"}};
  spec.pre_tokenizer = ByteLevel(prefix_space, /*use_regex=*/true);
  spec.decoder = {{"type", "ByteLevel"}};
  if (tokenizer_class.kind == Kind::kRoberta) {
    spec.post_processor = RobertaProcessing(config, prefix_space);
  } else if (tokenizer_class.kind == Kind::kQwen2) {
    spec.normalizer = {{"type", "NFC"}};
    spec.pre_tokenizer = {
        {"type", "Sequence"},
        {"pretokenizers", json::array({json{{"type", "Split"},
                                            {"pattern", {{"Regex", kQwen2Pattern}}},
                                            {"behavior", "Isolated"},
                                            {"invert", false}},
                                       ByteLevel(prefix_space, /*use_regex=*/false)})}};
  } else if (tokenizer_class.kind == Kind::kGpt2 && config.add_bos_token.value_or(false)) {
    spec.post_processor = BosTemplate(Special(config, "bos_token"));
  }
  return spec;
}

absl::StatusOr<TokenizerSpec> ReadVocabularyOfPieces(const std::filesystem::path& folder,
                                                     const TokenizerClass& tokenizer_class,
                                                     const TokenizerConfig& config) {
  TokenizerSpec spec;
  spec.source = folder.string();
  ASSIGN_OR_RETURN(spec.tokens, ReadVocabTxt(folder / "vocab.txt"));
  const std::string cls = Special(config, "cls_token");
  const std::string sep = Special(config, "sep_token");
  spec.model = {{"type", "WordPiece"}, {"unk_token", Special(config, "unk_token")}};
  spec.normalizer = {{"type", "BertNormalizer"},
                     {"clean_text", true},
                     {"handle_chinese_chars", config.tokenize_chinese_chars.value_or(true)},
                     {"strip_accents", nullptr},
                     {"lowercase", config.do_lower_case.value_or(true)}};
  if (config.strip_accents) spec.normalizer["strip_accents"] = *config.strip_accents;
  spec.pre_tokenizer = {{"type", "BertPreTokenizer"}};
  spec.decoder = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  json pair = json::array({Token(cls, 0), Text("A", 0), Token(sep, 0)});
  const json single = pair;
  if (tokenizer_class.kind == Kind::kMpnet) pair.push_back(Token(sep, 0));
  pair.push_back(Text("B", 1));
  pair.push_back(Token(sep, 1));
  spec.post_processor = {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}};
  return spec;
}

}  // namespace chorus::runner
