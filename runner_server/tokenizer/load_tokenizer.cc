#include "runner_server/tokenizer/load_tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_format.h"
#include "base/model_file.h"
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

absl::StatusOr<TokenizerSpec> ReadVocabularyFiles(const std::filesystem::path& folder,
                                                  const TokenizerClass& tokenizer_class,
                                                  const TokenizerConfig& config) {
  for (const char* name : kSentencePieceFiles) {
    if (Exists(folder / name)) return ReadSentencePiece(folder / name, tokenizer_class, config);
  }
  if (Exists(folder / "vocab.json") && Exists(folder / "merges.txt")) {
    return ReadVocabularyAndMerges(folder, tokenizer_class, config);
  }
  if (Exists(folder / "vocab.txt")) {
    return ReadVocabularyOfPieces(folder, tokenizer_class, config);
  }
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
  std::vector<AddedToken> special_tokens = config.more_special_tokens;
  for (const auto& [role, token] : config.special_tokens) special_tokens.push_back(token);
  for (AddedToken& token : special_tokens) {
    if (token.content.empty() || (is_json && known.contains(token.content))) continue;
    const auto own = std::find(spec.tokens.rbegin(), spec.tokens.rend(), token.content);
    if (own == spec.tokens.rend()) continue;
    token.id = static_cast<int32_t>(spec.tokens.rend() - own) - 1;
    add(token);
  }
}

// The embedding may have rows that no token uses, up to a multiple of a power of two: models are
// padded so for speed, and some (Qwen2's) reserve a few hundred more for tokens to come. Any other
// gap is a vocabulary that has been cut short, or another model's.
bool IsPadding(int num_unused, int num_rows) {
  constexpr int kLeastMultiple = 8;
  constexpr int kMostMultiple = 1024;
  constexpr int kReservingMultiple = 64;
  const int multiple = num_rows & -num_rows;  // The largest power of two that num_rows is one of.
  int most_padding = multiple < kLeastMultiple ? 0 : std::min(multiple, kMostMultiple) - 1;
  if (multiple >= kReservingMultiple) most_padding = std::max(most_padding, num_rows / 200);
  return num_unused <= most_padding;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::filesystem::path& folder) {
  ASSIGN_OR_RETURN(TokenizerConfig config, ReadTokenizerConfig(folder));
  const bool is_json = Exists(folder / "tokenizer.json");
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
  return BuildTokenizer(std::move(spec),
                        {config.model_max_length.value_or(INT_MAX), config.truncates_left});
}

absl::Status CheckTokenizer(const std::filesystem::path& folder, const Tokenizer& tokenizer,
                            const TokenizerUse& use) {
  const int num_tokens = tokenizer.vocab_size();
  if (num_tokens > use.num_rows) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: the vocabulary has %d tokens, more than vocab_size in config.json, %d: it is another "
        "model's, or tokens were added to it and not to the model",
        folder.string(), num_tokens, use.num_rows));
  }
  if (!IsPadding(use.num_rows - num_tokens, use.num_rows)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: the vocabulary has %d tokens, and vocab_size in config.json is %d, which padding does "
        "not explain: the vocabulary has been cut short, or is another model's; fetch its files "
        "again",
        folder.string(), num_tokens, use.num_rows));
  }
  if (use.generates && tokenizer.bytes() == nullptr) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: the tokenizer's tokens are not bytes of a text, as those of a model that generates "
        "must be",
        folder.string()));
  }
  return absl::OkStatus();
}

}  // namespace chorus::runner
