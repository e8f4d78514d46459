#include "runner_server/tokenizer/tokenizer_config.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/model_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/tokenizer/added_token_json.h"
#include "runner_server/tokenizer/json_fields.h"

namespace chorus::runner {
namespace {

using nlohmann::json;

absl::StatusOr<json> ReadOptionalJson(const std::filesystem::path& path) {
  absl::StatusOr<json> object = ReadModelJson(path);
  if (absl::IsNotFound(object.status())) return json::object();
  return object;
}

// "[SEP]" or an object.
absl::StatusOr<AddedToken> SpecialTokenFromJson(const json& value, std::string what) {
  if (value.is_string()) return AddedToken{.content = value.get<std::string>(), .special = true};
  ASSIGN_OR_RETURN(AddedToken token, AddedTokenFromJson(value, std::move(what)));
  token.special = true;
  return token;
}

absl::Status ReadSpecialTokens(const json& object, const std::string& path,
                               TokenizerConfig& config) {
  const JsonFields fields(object, path);
  for (const std::string_view role : kSpecialTokenRoles) {
    if (!object.contains(role)) continue;
    AddedToken& token = config.special_tokens[std::string(role)];
    token = AddedToken();
    const json& value = fields.Value(role);
    if (value.is_null()) continue;
    ASSIGN_OR_RETURN(token, SpecialTokenFromJson(value, absl::StrCat(path, ": ", AbslView(role))));
    if (role == "mask_token") config.mask_is_plain = value.is_string();
  }
  // The second is an object by name, of transformers 5 a list.
  for (const std::string key : {"additional_special_tokens", "extra_special_tokens"}) {
    const json& list = fields.Value(key);
    const bool is_named = key == "extra_special_tokens" && list.is_object();
    if (!list.is_array() && !list.is_null() && !is_named) {
      return fields.Error(absl::StrCat("\"", key, "\" must be a list"));
    }
    for (const json& value : list) {
      ASSIGN_OR_RETURN(AddedToken token,
                       SpecialTokenFromJson(value, absl::StrCat(path, ": ", key)));
      config.more_special_tokens.push_back(std::move(token));
    }
  }
  return absl::OkStatus();
}

bool IsSpecial(const TokenizerConfig& config, std::string_view content) {
  const auto has_content = [&](const AddedToken& token) { return token.content == content; };
  return std::any_of(config.special_tokens.begin(), config.special_tokens.end(),
                     [&](const auto& entry) { return has_content(entry.second); }) ||
         std::any_of(config.more_special_tokens.begin(), config.more_special_tokens.end(),
                     has_content);
}

// {"50256": {"content": "<|endoftext|>", ...}}
absl::Status ReadAddedTokensDecoder(const json& object, const std::string& path,
                                    TokenizerConfig& config) {
  if (!object.is_object()) {
    return absl::InvalidArgumentError(path + ": \"added_tokens_decoder\" must be an object");
  }
  for (const auto& [id, value] : object.items()) {
    const std::string what = absl::StrFormat("%s: added_tokens_decoder[\"%s\"]", path, id);
    ASSIGN_OR_RETURN(AddedToken token, AddedTokenFromJson(value, what));
    if (!absl::SimpleAtoi(id, &token.id) || token.id < 0) {
      return absl::InvalidArgumentError(what + ": the key must be a token's id");
    }
    token.special |= IsSpecial(config, token.content);
    config.added_tokens.push_back(std::move(token));
  }
  return absl::OkStatus();
}

// {"<pad>": 50257}
absl::Status ReadAddedTokensJson(const json& object, const std::string& path,
                                 TokenizerConfig& config) {
  const JsonFields fields(object, path);
  for (const auto& [content, value] : object.items()) {
    ASSIGN_OR_RETURN(const std::optional<int32_t> id, fields.Id(content));
    if (!id) return fields.Error(absl::StrFormat("\"%s\" has no id", content));
    const bool special = IsSpecial(config, content);
    config.added_tokens.push_back({content, *id, special, /*normalized=*/!special});
  }
  return absl::OkStatus();
}

// A tokenizer without a limit has 10^30, and what is past 10^20 stands for none.
absl::StatusOr<std::optional<int>> MaxLength(const JsonFields& fields) {
  constexpr double kNone = 1e20;
  constexpr char kKey[] = "model_max_length";
  const json& value = fields.Value(kKey);
  if (value.is_null()) return std::nullopt;
  const double length = value.is_number() ? value.get<double>() : 0;
  if (std::isnan(length) || length < 2) {
    return fields.Error(
        absl::StrCat("\"", kKey, "\" must be a number of tokens, at least 2: ", ShownJson(value)));
  }
  if (length > kNone) return std::nullopt;
  return static_cast<int>(std::min<double>(length, INT_MAX));
}

absl::Status ReadSettings(const JsonFields& fields, TokenizerConfig& config) {
  RETURN_IF_ERROR(fields.RequireUnset({"split_special_tokens"}));
  ASSIGN_OR_RETURN(const std::optional<std::string> side, fields.String("truncation_side"));
  if (side && side != "left" && side != "right") return fields.Unimplemented("truncation_side");
  if (side) config.truncates_left = side == "left";
  ASSIGN_OR_RETURN(const std::optional<std::string> name, fields.String("tokenizer_class"));
  config.tokenizer_class = name.value_or("");
  ASSIGN_OR_RETURN(config.model_max_length, MaxLength(fields));
  ASSIGN_OR_RETURN(config.do_lower_case, fields.Bool("do_lower_case"));
  ASSIGN_OR_RETURN(config.strip_accents, fields.Bool("strip_accents"));
  ASSIGN_OR_RETURN(config.tokenize_chinese_chars, fields.Bool("tokenize_chinese_chars"));
  ASSIGN_OR_RETURN(config.trim_offsets, fields.Bool("trim_offsets"));
  ASSIGN_OR_RETURN(config.add_prefix_space, fields.Bool("add_prefix_space"));
  ASSIGN_OR_RETURN(config.add_bos_token, fields.Bool("add_bos_token"));
  ASSIGN_OR_RETURN(config.add_eos_token, fields.Bool("add_eos_token"));
  ASSIGN_OR_RETURN(config.legacy, fields.Bool("legacy"));
  ASSIGN_OR_RETURN(config.keep_accents, fields.Bool("keep_accents"));
  ASSIGN_OR_RETURN(config.split_by_punct, fields.Bool("split_by_punct"));
  ASSIGN_OR_RETURN(config.extra_ids, fields.Id("extra_ids"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenizerConfig> ReadTokenizerConfig(const std::filesystem::path& folder) {
  TokenizerConfig config;
  const std::filesystem::path path = folder / "tokenizer_config.json";
  ASSIGN_OR_RETURN(const json object, ReadOptionalJson(path));
  RETURN_IF_ERROR(ReadSettings(JsonFields(object, path.string()), config));
  RETURN_IF_ERROR(ReadSpecialTokens(object, path.string(), config));
  if (object.contains("added_tokens_decoder")) {
    // Such a file holds all there is to know; transformers does not look at the older ones then.
    RETURN_IF_ERROR(ReadAddedTokensDecoder(object["added_tokens_decoder"], path.string(), config));
    return config;
  }
  const std::filesystem::path map_path = folder / "special_tokens_map.json";
  ASSIGN_OR_RETURN(const json map, ReadOptionalJson(map_path));
  RETURN_IF_ERROR(ReadSpecialTokens(map, map_path.string(), config));
  const std::filesystem::path added_path = folder / "added_tokens.json";
  ASSIGN_OR_RETURN(const json added, ReadOptionalJson(added_path));
  RETURN_IF_ERROR(ReadAddedTokensJson(added, added_path.string(), config));
  return config;
}

}  // namespace chorus::runner
