#include "runner_server/tokenizer/added_token_json.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "runner_server/tokenizer/json_fields.h"

namespace chorus::runner {

absl::StatusOr<AddedToken> AddedTokenFromJson(const nlohmann::json& object, std::string what) {
  const JsonFields fields(object, std::move(what));
  RETURN_IF_ERROR(fields.AllowOnly(
      {"__type", "id", "content", "special", "normalized", "lstrip", "rstrip", "single_word"}));
  ASSIGN_OR_RETURN(std::optional<std::string> content, fields.String("content"));
  ASSIGN_OR_RETURN(const std::optional<int32_t> id, fields.Id("id"));
  ASSIGN_OR_RETURN(const std::optional<bool> special, fields.Bool("special"));
  ASSIGN_OR_RETURN(const std::optional<bool> normalized, fields.Bool("normalized"));
  ASSIGN_OR_RETURN(const std::optional<bool> lstrip, fields.Bool("lstrip"));
  ASSIGN_OR_RETURN(const std::optional<bool> rstrip, fields.Bool("rstrip"));
  ASSIGN_OR_RETURN(const std::optional<bool> single_word, fields.Bool("single_word"));
  if (!content) return fields.Error("has no \"content\"");
  return AddedToken{*std::move(content),        id.value_or(0),
                    special.value_or(false),    normalized.value_or(!special.value_or(false)),
                    lstrip.value_or(false),     rstrip.value_or(false),
                    single_word.value_or(false)};
}

}  // namespace chorus::runner
