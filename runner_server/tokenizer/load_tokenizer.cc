#include "runner_server/tokenizer/load_tokenizer.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/tokenizer/tokenizer_config.h"
#include "runner_server/tokenizer/tokenizer_json.h"
#include "runner_server/tokenizer/vocabulary_files.h"

namespace chorus::runner {
namespace {

bool Exists(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

// NOT_FOUND unless all of these are there, which stand in for a tokenizer.json.
absl::Status RequireFiles(const std::filesystem::path& folder,
                          std::initializer_list<std::string_view> names) {
  std::vector<std::string> missing;
  for (const std::string_view name : names) {
    if (!Exists(folder / name)) missing.emplace_back(name);
  }
  if (missing.empty()) return absl::OkStatus();
  return absl::NotFoundError(absl::StrFormat("%s: no tokenizer.json, and in its place no %s",
                                             folder.string(), absl::StrJoin(missing, ", ")));
}

absl::Status WithFolder(const std::filesystem::path& folder, const absl::Status& status) {
  if (status.ok()) return status;
  return {status.code(), absl::StrCat(folder.string(), ": ", status.message())};
}

// The special tokens of a tokenizer and what each is called if the folder does not say.
using Roles = std::initializer_list<std::pair<std::string_view, std::string_view>>;

void SetDefaultSpecialTokens(const Roles& roles, TokenizerConfig& config) {
  for (const auto& [role, content] : roles) {
    config.special_tokens.try_emplace(std::string(role),
                                      AddedToken{.content = std::string(content), .special = true});
  }
}

// What the vocabulary's own added tokens lack: those of the config, then the special ones.
void AddTokensOfConfig(const TokenizerConfig& config, const std::vector<std::string>& tokens,
                       std::vector<AddedToken>& added_tokens) {
  added_tokens.insert(added_tokens.end(), config.added_tokens.begin(), config.added_tokens.end());
  std::vector<AddedToken> special_tokens = config.more_special_tokens;
  for (const auto& [role, token] : config.special_tokens) special_tokens.push_back(token);
  for (AddedToken& token : special_tokens) {
    const bool is_added =
        std::any_of(added_tokens.begin(), added_tokens.end(),
                    [&](const AddedToken& other) { return other.content == token.content; });
    const auto own = std::find(tokens.rbegin(), tokens.rend(), token.content);
    if (is_added || own == tokens.rend() || token.content.empty()) continue;
    token.id = static_cast<int32_t>(tokens.rend() - own) - 1;
    added_tokens.push_back(token);
  }
}

// From vocab.json and merges.txt, without a tokenizer.json.
absl::StatusOr<ByteLevelBpe::Definition> ReadByteLevelBpeFiles(
    const std::filesystem::path& folder) {
  RETURN_IF_ERROR(RequireFiles(folder, {"vocab.json", "merges.txt"}));
  ByteLevelBpe::Definition definition;
  ASSIGN_OR_RETURN(definition.tokens, ReadVocabJson(folder / "vocab.json"));
  ASSIGN_OR_RETURN(MergesTxt file, ReadMergesTxt(folder / "merges.txt"));
  definition.merges = std::move(file.merges);
  definition.unread_merge = std::move(file.rest);
  return definition;
}

absl::StatusOr<ByteLevelBpe::Definition> ReadByteLevelBpe(const std::filesystem::path& folder,
                                                          const TokenizerConfig& config) {
  if (const std::filesystem::path path = folder / "tokenizer.json"; Exists(path)) {
    ASSIGN_OR_RETURN(ByteLevelBpe::Definition definition, ReadByteLevelBpeJson(path));
    if (definition.first_token.empty()) return definition;
    return absl::InvalidArgumentError(absl::StrCat(
        path.string(), ": post_processor: Chorus does not implement tokens that frame ",
        "a text, here \"", definition.first_token, "\", for a model that generates"));
  }
  ASSIGN_OR_RETURN(ByteLevelBpe::Definition definition, ReadByteLevelBpeFiles(folder));
  if (config.add_bos_token) {
    return absl::InvalidArgumentError(
        absl::StrCat((folder / "tokenizer_config.json").string(),
                     ": Chorus does not implement \"add_bos_token\": true"));
  }
  return definition;
}

absl::StatusOr<ByteLevelBpe::Definition> ReadRobertaBpe(const std::filesystem::path& folder,
                                                        const TokenizerConfig& config) {
  // RobertaTokenizerFast puts its own setting, or its default, over that of a tokenizer.json. (That
  // of transformers 4 makes its <mask> strip, too; 5 leaves that to the file.)
  const bool trims = config.trim_offsets.value_or(true);
  if (const std::filesystem::path path = folder / "tokenizer.json"; Exists(path)) {
    return ReadByteLevelBpeJson(path, trims);
  }
  ASSIGN_OR_RETURN(ByteLevelBpe::Definition definition, ReadByteLevelBpeFiles(folder));
  definition.first_token = config.special_tokens.at("cls_token").content;
  definition.last_token = config.special_tokens.at("sep_token").content;
  definition.trims_spans = trims;
  return definition;
}

absl::StatusOr<std::unique_ptr<ByteLevelBpe>> CreateByteLevelBpe(
    const std::filesystem::path& folder, const TokenizerConfig& config,
    ByteLevelBpe::Definition definition) {
  AddTokensOfConfig(config, definition.tokens, definition.added_tokens);
  // The config's word, or its default, counts even against that of a tokenizer.json.
  definition.add_prefix_space = config.add_prefix_space;
  definition.eos_token = config.special_tokens.at("eos_token").content;
  definition.model_max_length = config.model_max_length.value_or(definition.model_max_length);
  auto bpe = ByteLevelBpe::Create(std::move(definition));
  if (!bpe.ok()) return WithFolder(folder, bpe.status());
  return bpe;
}

absl::StatusOr<WordPiece::Definition> ReadWordPiece(const std::filesystem::path& folder,
                                                    const TokenizerConfig& config) {
  if (Exists(folder / "tokenizer.json")) return ReadWordPieceJson(folder / "tokenizer.json");
  RETURN_IF_ERROR(RequireFiles(folder, {"vocab.txt"}));
  WordPiece::Definition definition;
  ASSIGN_OR_RETURN(definition.tokens, ReadVocabTxt(folder / "vocab.txt"));
  definition.unknown_token = config.special_tokens.at("unk_token").content;
  definition.first_token = config.special_tokens.at("cls_token").content;
  definition.last_token = config.special_tokens.at("sep_token").content;
  return definition;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ByteLevelBpe>> LoadByteLevelBpe(
    const std::filesystem::path& folder) {
  ASSIGN_OR_RETURN(TokenizerConfig config, ReadTokenizerConfig(folder));
  SetDefaultSpecialTokens({{"bos_token", "<|endoftext|>"},
                           {"eos_token", "<|endoftext|>"},
                           {"unk_token", "<|endoftext|>"}},
                          config);
  ASSIGN_OR_RETURN(ByteLevelBpe::Definition definition, ReadByteLevelBpe(folder, config));
  return CreateByteLevelBpe(folder, config, std::move(definition));
}

absl::StatusOr<std::unique_ptr<ByteLevelBpe>> LoadRobertaBpe(const std::filesystem::path& folder) {
  ASSIGN_OR_RETURN(TokenizerConfig config, ReadTokenizerConfig(folder, /*mask_strips_left=*/true));
  SetDefaultSpecialTokens({{"bos_token", "<s>"},
                           {"eos_token", "</s>"},
                           {"unk_token", "<unk>"},
                           {"sep_token", "</s>"},
                           {"pad_token", "<pad>"},
                           {"cls_token", "<s>"}},
                          config);
  config.special_tokens.try_emplace(
      "mask_token", AddedToken{.content = "<mask>", .special = true, .lstrip = true});
  ASSIGN_OR_RETURN(ByteLevelBpe::Definition definition, ReadRobertaBpe(folder, config));
  return CreateByteLevelBpe(folder, config, std::move(definition));
}

absl::StatusOr<std::unique_ptr<WordPiece>> LoadWordPiece(const std::filesystem::path& folder) {
  ASSIGN_OR_RETURN(TokenizerConfig config, ReadTokenizerConfig(folder));
  SetDefaultSpecialTokens({{"unk_token", "[UNK]"},
                           {"sep_token", "[SEP]"},
                           {"pad_token", "[PAD]"},
                           {"cls_token", "[CLS]"},
                           {"mask_token", "[MASK]"}},
                          config);
  ASSIGN_OR_RETURN(WordPiece::Definition definition, ReadWordPiece(folder, config));
  AddTokensOfConfig(config, definition.tokens, definition.added_tokens);
  definition.model_max_length = config.model_max_length.value_or(definition.model_max_length);
  // BertTokenizerFast puts its own settings, or their defaults, over those of a tokenizer.json, but
  // not before the added tokens have been normalized. Classes of no model, the second of them that
  // of transformers 5, leave it as it is.
  if (config.tokenizer_class != "PreTrainedTokenizerFast" &&
      config.tokenizer_class != "TokenizersBackend") {
    if (Exists(folder / "tokenizer.json")) {
      definition.added_token_normalizer = definition.normalizer;
    }
    definition.normalizer.lowercase = config.do_lower_case.value_or(true);
    definition.normalizer.strip_accents = config.strip_accents;
    definition.normalizer.handle_chinese_chars = config.tokenize_chinese_chars.value_or(true);
  }
  auto pieces = WordPiece::Create(std::move(definition));
  if (!pieces.ok()) return WithFolder(folder, pieces.status());
  return pieces;
}

}  // namespace chorus::runner
