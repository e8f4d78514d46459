#include "runner_server/tokenizer/tokenizer_json.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/model_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/tokenizer/added_token_json.h"
#include "runner_server/tokenizer/json_fields.h"
#include "runner_server/tokenizer/vocabulary_files.h"

namespace chorus::runner {
namespace {

using nlohmann::json;

// A parsed tokenizer.json and its path.
class TokenizerJson {
 public:
  static absl::StatusOr<TokenizerJson> Read(const std::filesystem::path& path) {
    ASSIGN_OR_RETURN(json root, ReadModelJson(path));
    TokenizerJson file(std::move(root), path.string());
    RETURN_IF_ERROR(
        file.Root().AllowOnly({"version", "truncation", "padding", "added_tokens", "normalizer",
                               "pre_tokenizer", "post_processor", "decoder", "model"}));
    return file;
  }

  JsonFields Root() const { return JsonFields(root_, path_); }

  JsonFields Part(std::string_view key) const {
    return JsonFields(Root().Value(key), absl::StrCat(path_, ": ", AbslView(key)));
  }

  // Null stands for the empty type.
  absl::Status CheckType(std::string_view key,
                         std::initializer_list<std::string_view> types) const {
    ASSIGN_OR_RETURN(const std::optional<std::string> type, Part(key).String("type"));
    for (const std::string_view allowed : types) {
      if (type.value_or("") == allowed) return absl::OkStatus();
    }
    return Part(key).Error(
        absl::StrFormat("Chorus does not implement the type \"%s\" here", type.value_or("null")));
  }

  absl::StatusOr<std::vector<AddedToken>> AddedTokens() const {
    std::vector<AddedToken> tokens;
    const json& list = Root().Value("added_tokens");
    if (!list.is_array() && !list.is_null()) return Root().Error("\"added_tokens\" must be a list");
    for (size_t i = 0; i < list.size(); ++i) {
      ASSIGN_OR_RETURN(
          AddedToken token,
          AddedTokenFromJson(list[i], absl::StrFormat("%s: added_tokens[%d]", path_, i)));
      tokens.push_back(std::move(token));
    }
    return tokens;
  }

  absl::StatusOr<std::vector<std::string>> ModelTokens() const {
    return TokensById(Part("model").Value("vocab"), absl::StrCat(path_, ": model.vocab"));
  }

 private:
  TokenizerJson(json root, std::string path) : root_(std::move(root)), path_(std::move(path)) {}

  json root_;
  std::string path_;
};

// "left right" or ["left", "right"], as older and newer files write it.
std::optional<std::pair<std::string, std::string>> MergeFromJson(const json& merge) {
  if (merge.is_array()) {
    if (merge.size() != 2 || !merge[0].is_string() || !merge[1].is_string()) return std::nullopt;
    return std::pair(merge[0].get<std::string>(), merge[1].get<std::string>());
  }
  if (!merge.is_string()) return std::nullopt;
  const auto& text = merge.get_ref<const std::string&>();
  const size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
    return std::nullopt;
  }
  return std::pair(text.substr(0, space), text.substr(space + 1));
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> Merges(const JsonFields& model) {
  const json& list = model.Value("merges");
  if (!list.is_array()) return model.Error("\"merges\" must be a list");
  if (list.size() > Vocabulary::kMaxTokens) {
    return model.Error(
        absl::StrFormat("more than %d merges: %d", Vocabulary::kMaxTokens, list.size()));
  }
  std::vector<std::pair<std::string, std::string>> merges;
  for (size_t i = 0; i < list.size(); ++i) {
    auto merge = MergeFromJson(list[i]);
    if (!merge) return model.Error(absl::StrFormat("merges[%d] is not two tokens", i));
    merges.push_back(*std::move(merge));
  }
  return merges;
}

absl::Status CheckBpeModel(const JsonFields& model) {
  // The unknown token and what goes with it never come up, for all bytes are in the vocabulary.
  RETURN_IF_ERROR(model.AllowOnly({"type", "dropout", "unk_token", "continuing_subword_prefix",
                                   "end_of_word_suffix", "fuse_unk", "byte_fallback",
                                   "ignore_merges", "vocab", "merges"}));
  return model.RequireUnset(
      {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges"});
}

absl::StatusOr<bool> PrefixSpace(const JsonFields& pre_tokenizer) {
  RETURN_IF_ERROR(
      pre_tokenizer.AllowOnly({"type", "add_prefix_space", "trim_offsets", "use_regex"}));
  ASSIGN_OR_RETURN(const std::optional<bool> use_regex, pre_tokenizer.Bool("use_regex"));
  if (!use_regex.value_or(true)) return pre_tokenizer.Unimplemented("use_regex");
  ASSIGN_OR_RETURN(const std::optional<bool> prefix, pre_tokenizer.Bool("add_prefix_space"));
  return prefix.value_or(true);
}

absl::StatusOr<BertNormalizer::Options> NormalizerOptions(const JsonFields& normalizer) {
  RETURN_IF_ERROR(normalizer.AllowOnly(
      {"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"}));
  ASSIGN_OR_RETURN(const std::optional<bool> clean_text, normalizer.Bool("clean_text"));
  ASSIGN_OR_RETURN(const std::optional<bool> chinese, normalizer.Bool("handle_chinese_chars"));
  ASSIGN_OR_RETURN(const std::optional<bool> strip_accents, normalizer.Bool("strip_accents"));
  ASSIGN_OR_RETURN(const std::optional<bool> lowercase, normalizer.Bool("lowercase"));
  return BertNormalizer::Options{clean_text.value_or(true), chinese.value_or(true), strip_accents,
                                 lowercase.value_or(true)};
}

// The tokens before and after every text.
struct FrameTokens {
  std::string first;
  std::string last;
};

// TemplateProcessing. nullopt if a single text stays as it is.
absl::StatusOr<std::optional<FrameTokens>> FrameOfTemplate(const JsonFields& processor) {
  RETURN_IF_ERROR(processor.AllowOnly({"type", "single", "pair", "special_tokens"}));
  const json& single = processor.Value("single");
  if (single.is_array() && single.size() == 1 &&
      single.contains(json::json_pointer("/0/Sequence/id"))) {
    return std::nullopt;
  }
  const json::json_pointer first("/0/SpecialToken/id"), text("/1/Sequence/id"),
      last("/2/SpecialToken/id");
  if (!single.is_array() || single.size() != 3 || !single.contains(first) ||
      !single.contains(text) || !single.contains(last) || !single[first].is_string() ||
      !single[last].is_string()) {
    return processor.Unimplemented("single");
  }
  return FrameTokens{single[first].get<std::string>(), single[last].get<std::string>()};
}

// BertProcessing and RobertaProcessing: {"sep": ["[SEP]", 102], "cls": ["[CLS]", 101]}
absl::StatusOr<FrameTokens> FrameOfClsAndSep(const JsonFields& processor) {
  FrameTokens frame;
  for (const auto& [key, token] : {std::pair("cls", &frame.first), std::pair("sep", &frame.last)}) {
    const json& value = processor.Value(key);
    if (!value.is_array() || value.empty() || !value[0].is_string()) {
      return processor.Unimplemented(key);
    }
    *token = value[0].get<std::string>();
  }
  return frame;
}

absl::StatusOr<FrameTokens> WordPieceFrame(const JsonFields& processor) {
  if (processor.Value("type") == "TemplateProcessing") {
    ASSIGN_OR_RETURN(std::optional<FrameTokens> frame, FrameOfTemplate(processor));
    if (!frame) return processor.Unimplemented("single");
    return *std::move(frame);
  }
  RETURN_IF_ERROR(processor.AllowOnly({"type", "sep", "cls"}));
  return FrameOfClsAndSep(processor);
}

// Of a byte-level model: none, ByteLevel, which moves offsets only, a template, RobertaProcessing,
// which does both, or a sequence of these. `trim_offsets` is as ReadByteLevelBpeJson's.
absl::Status ReadBytePostProcessor(const JsonFields& processor, std::optional<bool> trim_offsets,
                                   ByteLevelBpe::Definition& definition) {
  const json& type = processor.Value("type");
  if (type.is_null()) return absl::OkStatus();
  if (const json& members = processor.Value("processors");
      type == "Sequence" && members.is_array()) {
    for (size_t i = 0; i < members.size(); ++i) {
      const JsonFields member(members[i],
                              absl::StrFormat("%s.processors[%d]", processor.what(), i));
      if (member.Value("type") == "Sequence") return member.Unimplemented("type");
      RETURN_IF_ERROR(ReadBytePostProcessor(member, trim_offsets, definition));
    }
    return absl::OkStatus();
  }
  std::optional<FrameTokens> frame;
  if (type == "TemplateProcessing") {
    ASSIGN_OR_RETURN(frame, FrameOfTemplate(processor));
  } else if (type == "RobertaProcessing") {
    RETURN_IF_ERROR(
        processor.AllowOnly({"type", "sep", "cls", "trim_offsets", "add_prefix_space"}));
    ASSIGN_OR_RETURN(frame, FrameOfClsAndSep(processor));
  } else if (type != "ByteLevel") {
    return processor.Unimplemented("type");
  }
  if (type != "TemplateProcessing") {
    ASSIGN_OR_RETURN(const std::optional<bool> trims, processor.Bool("trim_offsets"));
    definition.trims_spans = trim_offsets.value_or(trims.value_or(true));
  }
  if (!frame) return absl::OkStatus();
  if (!definition.first_token.empty()) return processor.Error("frames texts a second time");
  definition.first_token = std::move(frame->first);
  definition.last_token = std::move(frame->last);
  return absl::OkStatus();
}

absl::Status ReadWordPieceModel(const JsonFields& model, WordPiece::Definition& definition) {
  RETURN_IF_ERROR(model.AllowOnly(
      {"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"}));
  ASSIGN_OR_RETURN(const std::optional<std::string> unknown, model.String("unk_token"));
  ASSIGN_OR_RETURN(const std::optional<std::string> prefix,
                   model.String("continuing_subword_prefix"));
  ASSIGN_OR_RETURN(const std::optional<int32_t> max_characters,
                   model.Id("max_input_chars_per_word"));
  definition.unknown_token = unknown.value_or(definition.unknown_token);
  definition.continuing_prefix = prefix.value_or(definition.continuing_prefix);
  if (max_characters) definition.max_characters_per_word = *max_characters;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ByteLevelBpe::Definition> ReadByteLevelBpeJson(const std::filesystem::path& path,
                                                              std::optional<bool> trim_offsets) {
  ASSIGN_OR_RETURN(const TokenizerJson file, TokenizerJson::Read(path));
  RETURN_IF_ERROR(file.CheckType("model", {"", "BPE"}));  // Older files do not say.
  RETURN_IF_ERROR(file.CheckType("normalizer", {""}));
  RETURN_IF_ERROR(file.CheckType("pre_tokenizer", {"ByteLevel"}));
  RETURN_IF_ERROR(file.CheckType("decoder", {"ByteLevel"}));
  RETURN_IF_ERROR(CheckBpeModel(file.Part("model")));
  ByteLevelBpe::Definition definition;
  RETURN_IF_ERROR(ReadBytePostProcessor(file.Part("post_processor"), trim_offsets, definition));
  ASSIGN_OR_RETURN(definition.tokens, file.ModelTokens());
  ASSIGN_OR_RETURN(definition.merges, Merges(file.Part("model")));
  ASSIGN_OR_RETURN(definition.added_tokens, file.AddedTokens());
  ASSIGN_OR_RETURN(definition.add_prefix_space, PrefixSpace(file.Part("pre_tokenizer")));
  return definition;
}

absl::StatusOr<WordPiece::Definition> ReadWordPieceJson(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const TokenizerJson file, TokenizerJson::Read(path));
  RETURN_IF_ERROR(file.CheckType("model", {"", "WordPiece"}));
  RETURN_IF_ERROR(file.CheckType("normalizer", {"BertNormalizer"}));
  RETURN_IF_ERROR(file.CheckType("pre_tokenizer", {"BertPreTokenizer"}));
  RETURN_IF_ERROR(file.CheckType("post_processor", {"TemplateProcessing", "BertProcessing"}));
  WordPiece::Definition definition;
  RETURN_IF_ERROR(ReadWordPieceModel(file.Part("model"), definition));
  ASSIGN_OR_RETURN(FrameTokens frame, WordPieceFrame(file.Part("post_processor")));
  definition.first_token = std::move(frame.first);
  definition.last_token = std::move(frame.last);
  ASSIGN_OR_RETURN(definition.normalizer, NormalizerOptions(file.Part("normalizer")));
  ASSIGN_OR_RETURN(definition.tokens, file.ModelTokens());
  ASSIGN_OR_RETURN(definition.added_tokens, file.AddedTokens());
  return definition;
}

}  // namespace chorus::runner
