#include "runner_server/tokenizer/load_tokenizer.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_format.h"
#include "base/model_file.h"
#include "base/model_modules.h"
#include "base/status_macros.h"
#include "runner_server/tokenizer/build_tokenizer.h"
#include "runner_server/tokenizer/sentence_piece.h"
#include "runner_server/tokenizer/tokenizer_class.h"
#include "runner_server/tokenizer/tokenizer_config.h"
#include "runner_server/tokenizer/tokenizer_json.h"
#include "runner_server/tokenizer/vocabulary_spec.h"

namespace chorus::runner {
namespace {

constexpr const char* kSentencePieceFiles[] = {"tokenizer.model", "spiece.model",
                                               "sentencepiece.bpe.model", "spm.model"};

bool Exists(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

// Of config.json; empty if that is not there or does not say.
std::string ModelType(const std::filesystem::path& folder) {
  const auto config = ReadModelJson(folder / "config.json");
  if (!config.ok() || !config->contains("model_type")) return "";
  const nlohmann::json& type = config->at("model_type");
  return type.is_string() ? type.get<std::string>() : "";
}

// A vocabulary that nothing is said about is GPT-2's or BERT's.
const TokenizerClass& ClassOf(const std::filesystem::path& folder, const TokenizerConfig& config,
                              bool is_json) {
  const TokenizerClass& found = FindTokenizerClass(config.tokenizer_class, ModelType(folder));
  if (is_json || found.kind != TokenizerClass::Kind::kGeneric) return found;
  if (Exists(folder / "vocab.json")) return FindTokenizerClass("GPT2Tokenizer", "");
  if (Exists(folder / "vocab.txt")) return FindTokenizerClass("BertTokenizer", "");
  return found;
}

// The file that has the vocabulary, in the order in which transformers looks; empty if none is
// there.
std::string VocabularyFile(const std::filesystem::path& folder) {
  if (Exists(folder / "tokenizer.json")) return "tokenizer.json";
  for (const char* name : kSentencePieceFiles) {
    if (Exists(folder / name)) return name;
  }
  if (Exists(folder / "vocab.json") && Exists(folder / "merges.txt")) return "vocab.json";
  return Exists(folder / "vocab.txt") ? "vocab.txt" : "";
}

absl::StatusOr<TokenizerSpec> ReadVocabularyFiles(const std::filesystem::path& folder,
                                                  const TokenizerClass& tokenizer_class,
                                                  const TokenizerConfig& config) {
  const std::string file = VocabularyFile(folder);
  if (file == "vocab.json") return ReadVocabularyAndMerges(folder, tokenizer_class, config);
  if (file == "vocab.txt") return ReadVocabularyOfPieces(folder, tokenizer_class, config);
  if (!file.empty()) return ReadSentencePiece(folder / file, tokenizer_class, config);
  for (const auto& [name, other] :
       {std::pair("vocab.json", "merges.txt"), std::pair("merges.txt", "vocab.json")}) {
    if (!Exists(folder / name)) continue;
    return absl::NotFoundError(absl::StrFormat("%s: no tokenizer.json, and beside %s no %s",
                                               folder.string(), name, other));
  }
  return absl::NotFoundError(absl::StrFormat(
      "%s: no tokenizer.json, and in its place no tokenizer.model, no vocab.json with merges.txt "
      "and no vocab.txt",
      folder.string()));
}

// Of the special tokens those by role come first, in this order.
std::vector<AddedToken> SpecialTokens(const TokenizerConfig& config, const TokenizerSpec& spec) {
  // A model of whole pieces whose vocabulary lacks the unknown one was cut short; it says so.
  const bool is_of_pieces = spec.model["type"] == "WordPiece" || spec.model["type"] == "WordLevel";
  std::vector<AddedToken> tokens;
  for (const std::string_view role : kSpecialTokenRoles) {
    const auto found = config.special_tokens.find(std::string(role));
    if (found == config.special_tokens.end() || found->second.content.empty()) continue;
    const bool is_own = std::ranges::find(spec.tokens, found->second.content) != spec.tokens.end();
    if (is_of_pieces && role == "unk_token" && !is_own) continue;
    tokens.push_back(found->second);
  }
  tokens.insert(tokens.end(), config.more_special_tokens.begin(), config.more_special_tokens.end());
  return tokens;
}

// The id that transformers gives a token that no file has.
int32_t NextId(const TokenizerSpec& spec) {
  auto next = static_cast<int32_t>(spec.tokens.size());
  for (const AddedToken& token : spec.added_tokens) next = std::max(next, token.id + 1);
  return next;
}

// What the vocabulary's own added tokens lack: those of the config, then the special ones, which a
// tokenizer.json knows better.
void AddTokensOfConfig(const TokenizerConfig& config, bool is_json, TokenizerSpec& spec) {
  absl::flat_hash_map<std::string, size_t> known;  // Indices of spec.added_tokens.
  const auto add = [&](const AddedToken& token) {
    const auto [found, inserted] = known.try_emplace(token.content, spec.added_tokens.size());
    if (inserted) return spec.added_tokens.push_back(token);
    AddedToken& other = spec.added_tokens[found->second];
    other.lstrip = token.lstrip;
    other.rstrip = token.rstrip;
    other.single_word = token.single_word;
    other.special |= token.special;
  };
  for (size_t i = 0; i < spec.added_tokens.size(); ++i) {
    known.try_emplace(spec.added_tokens[i].content, i);
  }
  for (const AddedToken& token : config.added_tokens) add(token);
  for (AddedToken& token : SpecialTokens(config, spec)) {
    if (token.content.empty() || (is_json && known.contains(token.content))) continue;
    const auto own = std::find(spec.tokens.rbegin(), spec.tokens.rend(), token.content);
    token.id = own == spec.tokens.rend() ? NextId(spec)
                                         : static_cast<int32_t>(spec.tokens.rend() - own) - 1;
    add(token);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizer(
    const std::filesystem::path& model_folder) {
  const std::filesystem::path folder = TransformerFolder(model_folder);
  ASSIGN_OR_RETURN(TokenizerConfig config, ReadTokenizerConfig(folder));
  const bool is_json = VocabularyFile(folder) == "tokenizer.json";
  const TokenizerClass& tokenizer_class = ClassOf(folder, config, is_json);
  SetDefaultSpecialTokens(tokenizer_class, config);
  TokenizerSpec spec;
  if (is_json) {
    ASSIGN_OR_RETURN(spec, ReadTokenizerJson(folder / "tokenizer.json"));
    ApplySettings(tokenizer_class, config, spec);
  } else {
    ASSIGN_OR_RETURN(spec, ReadVocabularyFiles(folder, tokenizer_class, config));
    FrameAsAsked(tokenizer_class, config, spec);
  }
  AddTokensOfConfig(config, is_json, spec);
  const TokenizerLimits limits = {
      .model_max_length = config.model_max_length.value_or(INT_MAX),
      .truncates_left = config.truncates_left.value_or(spec.truncates_left)};
  return BuildTokenizer(std::move(spec), limits);
}

bool VocabularyEndsInsideALine(const std::filesystem::path& model_folder) {
  const std::filesystem::path folder = TransformerFolder(model_folder);
  if (VocabularyFile(folder) != "vocab.txt") return false;
  std::ifstream file(folder / "vocab.txt", std::ios::binary);
  file.seekg(-1, std::ios::end);
  const int last = file.get();
  return last != std::ifstream::traits_type::eof() && last != '\n';
}

}  // namespace chorus::runner
