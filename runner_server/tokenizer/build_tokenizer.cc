#include "runner_server/tokenizer/build_tokenizer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"
#include "runner_server/tokenizer/byte_alphabet.h"
#include "runner_server/tokenizer/json_fields.h"
#include "runner_server/tokenizer/unigram_model.h"
#include "runner_server/tokenizer/word_piece_model.h"

namespace chorus::runner {
namespace {

using ModelOr = absl::StatusOr<std::unique_ptr<TokenModel>>;

constexpr size_t kMaxParts = 256;       // Of a normalizer, and of each of the others.
constexpr size_t kMaxAffixBytes = 256;  // Every character of a text is put together with them.

absl::Status WithSource(const TokenizerSpec& spec, const absl::Status& status) {
  return {status.code(), absl::StrCat(spec.source, ": ", status.message())};
}

// Whether the token is a single character, or reads as special ones do.
bool NeedsNoMerge(std::string_view token) {
  const auto num_characters =
      std::count_if(token.begin(), token.end(), [](char byte) { return (byte & 0xC0) != 0x80; });
  return num_characters <= 1 || (token.starts_with('<') && token.ends_with('>')) ||
         (token.starts_with('[') && token.ends_with(']')) ||
         token.starts_with("madeupword");  // fairseq fills vocabularies up with these.
}

// Every token of several characters must result from a merge, be an added one, or look like a
// special one ("<pad>", "[MASK]"); other tokens mean that the merges are truncated.
absl::Status CheckTokensAreMade(const TokenizerSpec& spec, const Vocabulary& vocabulary) {
  absl::flat_hash_set<std::string> made = {absl::StrReplaceAll(spec.unread_merge, {{" ", ""}})};
  for (const auto& [left, right] : spec.merges) made.insert(left + right);
  for (const AddedToken& token : vocabulary.added_tokens()) made.insert(token.content);
  const std::string* first = nullptr;
  size_t num_missing = 0;
  for (const std::string& token : vocabulary.model_tokens()) {
    if (NeedsNoMerge(token) || made.contains(token)) continue;
    if (num_missing++ == 0) first = &token;
  }
  if (num_missing == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "there are %d merges, and the vocabulary of %d tokens needs %d more, the first to make "
      "\"%s\": the merges have been cut short, or are another model's",
      spec.merges.size(), vocabulary.model_tokens().size(), num_missing, *first));
}

bool HasAllBytes(const Vocabulary& vocabulary) {
  return std::all_of(ByteAlphabet().begin(), ByteAlphabet().end(),
                     [&](const std::string& spelled) { return vocabulary.FindOwn(spelled); });
}

// `pre_tokenizer` may be null; it leaves bytes alone if the model takes them.
ModelOr BuildBpe(const TokenizerSpec& spec, const JsonFields& fields, const Vocabulary& vocabulary,
                 PreTokenizer* pre_tokenizer) {
  RETURN_IF_ERROR(
      fields.AllowOnly({"type", "dropout", "unk_token", "continuing_subword_prefix",
                        "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"}));
  RETURN_IF_ERROR(fields.RequireUnset({"dropout"}));
  ASSIGN_OR_RETURN(const std::optional<std::string> unknown, fields.String("unk_token"));
  ASSIGN_OR_RETURN(const std::optional<std::string> prefix,
                   fields.String("continuing_subword_prefix"));
  ASSIGN_OR_RETURN(const std::optional<std::string> suffix, fields.String("end_of_word_suffix"));
  ASSIGN_OR_RETURN(const std::optional<bool> fuse, fields.Bool("fuse_unk"));
  ASSIGN_OR_RETURN(const std::optional<bool> fallback, fields.Bool("byte_fallback"));
  ASSIGN_OR_RETURN(const std::optional<bool> ignore, fields.Bool("ignore_merges"));
  BpeModel::Options options = {.byte_fallback = fallback.value_or(false),
                               .fuse_unknown = fuse.value_or(false),
                               .ignore_merges = ignore.value_or(false),
                               .unknown_token = unknown.value_or(""),
                               .continuing_prefix = prefix.value_or(""),
                               .word_suffix = suffix.value_or("")};
  for (const auto& [key, affix] :
       {std::pair("continuing_subword_prefix", &options.continuing_prefix),
        std::pair("end_of_word_suffix", &options.word_suffix)}) {
    if (affix->size() <= kMaxAffixBytes) continue;
    return fields.Error(
        absl::StrFormat("\"%s\" has more than %d bytes: %d", key, kMaxAffixBytes, affix->size()));
  }
  // A vocabulary that lacks bytes but knows what stands for them is one of characters.
  options.of_bytes = pre_tokenizer != nullptr && pre_tokenizer->spells_bytes() &&
                     options.continuing_prefix.empty() && options.word_suffix.empty() &&
                     (HasAllBytes(vocabulary) || options.unknown_token.empty() ||
                      !vocabulary.Find(options.unknown_token));
  if (options.of_bytes) pre_tokenizer->LeaveBytes();
  const bool needs_merges = options.of_bytes && !options.ignore_merges;
  ASSIGN_OR_RETURN(auto model, BpeModel::Create(vocabulary, spec.merges, std::move(options)));
  if (needs_merges) RETURN_IF_ERROR(CheckTokensAreMade(spec, vocabulary));
  return model;
}

ModelOr BuildWordPiece(const JsonFields& fields, const Vocabulary& vocabulary) {
  RETURN_IF_ERROR(fields.AllowOnly(
      {"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word"}));
  ASSIGN_OR_RETURN(const std::optional<std::string> unknown, fields.String("unk_token"));
  ASSIGN_OR_RETURN(const std::optional<std::string> prefix,
                   fields.String("continuing_subword_prefix"));
  ASSIGN_OR_RETURN(const std::optional<int32_t> max_characters,
                   fields.Id("max_input_chars_per_word"));
  WordPieceModel::Options options;
  options.unknown_token = unknown.value_or(options.unknown_token);
  options.continuing_prefix = prefix.value_or(options.continuing_prefix);
  if (max_characters) options.max_characters_per_word = *max_characters;
  return WordPieceModel::Create(vocabulary, options);
}

ModelOr BuildUnigram(TokenizerSpec& spec, const JsonFields& fields, const Vocabulary& vocabulary) {
  RETURN_IF_ERROR(fields.AllowOnly({"type", "unk_id", "byte_fallback"}));
  ASSIGN_OR_RETURN(const std::optional<int32_t> unknown_id, fields.Id("unk_id"));
  ASSIGN_OR_RETURN(const std::optional<bool> fallback, fields.Bool("byte_fallback"));
  return UnigramModel::Create(vocabulary, {.scores = std::move(spec.scores),
                                           .unknown_id = unknown_id.value_or(-1),
                                           .byte_fallback = fallback.value_or(false)});
}

ModelOr BuildModel(TokenizerSpec& spec, const Vocabulary& vocabulary, PreTokenizer* pre_tokenizer) {
  const JsonFields fields(spec.model, "model");
  ASSIGN_OR_RETURN(const std::optional<std::string> type, fields.String("type"));
  if (type == "BPE") return BuildBpe(spec, fields, vocabulary, pre_tokenizer);
  if (type == "WordPiece") return BuildWordPiece(fields, vocabulary);
  if (type == "Unigram") return BuildUnigram(spec, fields, vocabulary);
  if (type == "WordLevel") {
    RETURN_IF_ERROR(fields.AllowOnly({"type", "unk_token"}));
    ASSIGN_OR_RETURN(const std::optional<std::string> unknown, fields.String("unk_token"));
    return WordLevelModel::Create(vocabulary, unknown.value_or("<unk>"));
  }
  return fields.Unimplemented("type");
}

// Of a part, with the members that make it up.
size_t NumParts(const nlohmann::json& part) {
  size_t count = part.is_object() && part.contains("type") ? 1 : 0;
  if (!part.is_structured()) return count;
  for (const nlohmann::json& value : part) count += NumParts(value);
  return count;
}

// What a text costs grows with them.
absl::Status CheckNumParts(const char* name, const nlohmann::json& part) {
  if (NumParts(part) <= kMaxParts) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("%s: has more than %d parts: %d", name, kMaxParts, NumParts(part)));
}

absl::StatusOr<PipelineTokenizer::Parts> BuildParts(TokenizerSpec& spec) {
  for (const auto& [name, part] :
       {std::pair("normalizer", &spec.normalizer), std::pair("pre_tokenizer", &spec.pre_tokenizer),
        std::pair("post_processor", &spec.post_processor), std::pair("decoder", &spec.decoder)}) {
    RETURN_IF_ERROR(CheckNumParts(name, *part));
  }
  ASSIGN_OR_RETURN(Vocabulary vocabulary,
                   Vocabulary::Create(std::move(spec.tokens), std::move(spec.added_tokens)));
  PipelineTokenizer::Parts parts;
  parts.vocabulary = std::make_unique<const Vocabulary>(std::move(vocabulary));
  ASSIGN_OR_RETURN(parts.normalizer, NormalizerFromJson(spec.normalizer, "normalizer"));
  if (spec.added_token_normalizer) {
    ASSIGN_OR_RETURN(parts.added_token_normalizer,
                     NormalizerFromJson(*spec.added_token_normalizer, "normalizer"));
  }
  ASSIGN_OR_RETURN(parts.pre_tokenizer, PreTokenizerFromJson(spec.pre_tokenizer, "pre_tokenizer"));
  ASSIGN_OR_RETURN(parts.model, BuildModel(spec, *parts.vocabulary, parts.pre_tokenizer.get()));
  ASSIGN_OR_RETURN(parts.post_processor,
                   PostProcessorFromJson(spec.post_processor, "post_processor", *parts.vocabulary));
  ASSIGN_OR_RETURN(parts.decoder, Decoder::FromJson(spec.decoder, "decoder"));
  return parts;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PipelineTokenizer>> BuildTokenizer(TokenizerSpec spec,
                                                                  const TokenizerLimits& limits) {
  auto parts = BuildParts(spec);
  if (!parts.ok()) return WithSource(spec, parts.status());
  parts->model_max_length = limits.model_max_length;
  parts->post_processor.frame.set_truncates_left(limits.truncates_left);
  auto tokenizer = PipelineTokenizer::Create(*std::move(parts));
  return tokenizer.ok() ? std::move(tokenizer) : WithSource(spec, tokenizer.status());
}

}  // namespace chorus::runner
