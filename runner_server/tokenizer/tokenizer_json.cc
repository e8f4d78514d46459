#include "runner_server/tokenizer/tokenizer_json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
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

absl::StatusOr<Merges> MergesFromJson(const JsonFields& model) {
  const json& list = model.Value("merges");
  if (!list.is_array()) return model.Error("\"merges\" must be a list");
  if (list.size() > Vocabulary::kMaxTokens) {
    return model.Error(
        absl::StrFormat("more than %d merges: %d", Vocabulary::kMaxTokens, list.size()));
  }
  Merges merges;
  merges.reserve(list.size());
  for (size_t i = 0; i < list.size(); ++i) {
    auto merge = MergeFromJson(list[i]);
    if (!merge) return model.Error(absl::StrFormat("merges[%d] is not two tokens", i));
    merges.push_back(*std::move(merge));
  }
  return merges;
}

// The power of ten, exact or the nearest.
double PowerOfTen(int exponent) {
  double power = 0;
  const std::string text = absl::StrCat("1e", exponent);
  std::from_chars(text.data(), text.data() + text.size(), power);
  return power;
}

// The number as Hugging Face's tokenizers reads it from its shortest spelling: digits, then a
// division, which may be one unit in the last place off. Ties between segmentations hang on it.
double AsSerdeReads(double number) {
  if (!std::isfinite(number) || number == 0) return number;
  std::array<char, 64> text;
  const char* const end = std::to_chars(text.data(), text.data() + text.size(), std::abs(number),
                                        std::chars_format::scientific)
                              .ptr;
  uint64_t digits = 0;
  int exponent = 0;
  const char* at = text.data();
  for (bool is_fraction = false; *at != 'e'; ++at) {
    if (*at == '.') {
      is_fraction = true;
    } else {
      digits = digits * 10 + (*at - '0');
      exponent -= is_fraction ? 1 : 0;
    }
  }
  int written = 0;
  std::from_chars(at[1] == '+' ? at + 2 : at + 1, end, written);
  exponent += written;
  if (exponent < -308) return number;
  auto value = static_cast<double>(digits);
  value = exponent < 0 ? value / PowerOfTen(-exponent) : value * PowerOfTen(exponent);
  return std::copysign(value, number);
}

// A Unigram's [["<unk>", 0.0], ["the", -3.5], ...].
absl::Status ReadScoredTokens(const JsonFields& model, TokenizerSpec& spec) {
  const json& list = model.Value("vocab");
  if (!list.is_array()) return model.Error("\"vocab\" must be a list of tokens and their scores");
  if (list.size() > Vocabulary::kMaxTokens) {
    return model.Error(
        absl::StrFormat("more than %d tokens: %d", Vocabulary::kMaxTokens, list.size()));
  }
  for (size_t i = 0; i < list.size(); ++i) {
    const json& entry = list[i];
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number()) {
      return model.Error(absl::StrFormat("vocab[%d] is not a token and its score", i));
    }
    spec.tokens.push_back(entry[0].get<std::string>());
    spec.scores.push_back(AsSerdeReads(entry[1].get<double>()));
  }
  return absl::OkStatus();
}

// Older files do not say the type.
std::string TypeOf(const json& model) {
  if (model.contains("type")) return model["type"].is_string() ? model["type"] : json("?");
  if (model.contains("merges")) return "BPE";
  if (model.contains("vocab") && model["vocab"].is_array()) return "Unigram";
  return model.contains("continuing_subword_prefix") ? "WordPiece" : "WordLevel";
}

absl::Status ReadModel(json& model, TokenizerSpec& spec) {
  const JsonFields fields(model, spec.source + ": model");
  if (!model.is_object()) return fields.Error("must be an object");
  model["type"] = TypeOf(model);
  if (model["type"] == "Unigram") {
    RETURN_IF_ERROR(ReadScoredTokens(fields, spec));
  } else {
    ASSIGN_OR_RETURN(spec.tokens, TokensById(fields.Value("vocab"), fields.what() + ".vocab"));
  }
  if (model["type"] == "BPE") {
    ASSIGN_OR_RETURN(spec.merges, MergesFromJson(fields));
  }
  model.erase("vocab");
  model.erase("merges");
  spec.model = std::move(model);
  return absl::OkStatus();
}

absl::Status ReadAddedTokens(const JsonFields& root, TokenizerSpec& spec) {
  const json& list = root.Value("added_tokens");
  if (!list.is_array() && !list.is_null()) return root.Error("\"added_tokens\" must be a list");
  for (size_t i = 0; i < list.size(); ++i) {
    ASSIGN_OR_RETURN(
        AddedToken token,
        AddedTokenFromJson(list[i], absl::StrFormat("%s: added_tokens[%d]", spec.source, i)));
    spec.added_tokens.push_back(std::move(token));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenizerSpec> TokenizerSpecFromJson(json root, std::string path) {
  TokenizerSpec spec;
  spec.source = std::move(path);
  const JsonFields fields(root, spec.source);
  RETURN_IF_ERROR(
      fields.AllowOnly({"version", "truncation", "padding", "added_tokens", "normalizer",
                        "pre_tokenizer", "post_processor", "decoder", "model"}));
  RETURN_IF_ERROR(ReadAddedTokens(fields, spec));
  const json& truncation = fields.Value("truncation");
  spec.truncates_left = truncation.is_object() && truncation.value("direction", json()) == "Left";
  for (const auto& [key, part] :
       {std::pair("normalizer", &spec.normalizer), std::pair("pre_tokenizer", &spec.pre_tokenizer),
        std::pair("post_processor", &spec.post_processor), std::pair("decoder", &spec.decoder)}) {
    *part = fields.Value(key);
    if (!part->is_null() && !part->is_object()) {
      return fields.Error(absl::StrCat("\"", key, "\" must be an object"));
    }
  }
  RETURN_IF_ERROR(ReadModel(root["model"], spec));
  return spec;
}

absl::StatusOr<TokenizerSpec> ReadTokenizerJson(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(json root, ReadModelJson(path));
  return TokenizerSpecFromJson(std::move(root), path.string());
}

}  // namespace chorus::runner
