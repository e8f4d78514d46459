#include "runner_server/tokenizer/json_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/model_file.h"
#include "base/string_view.h"

namespace chorus::runner {
namespace {

using nlohmann::json;

bool IsUnset(const json& value) {
  return value.is_null() || value == false || value == 0 || value == "";
}

}  // namespace

const json& JsonFields::Value(std::string_view key) const {
  static const json null;
  const auto found = object_.is_object() ? object_.find(key) : object_.end();
  return found == object_.end() ? null : *found;
}

absl::Status JsonFields::Error(std::string_view message) const {
  return absl::InvalidArgumentError(absl::StrCat(what_, ": ", AbslView(message)));
}

absl::Status JsonFields::Unimplemented(std::string_view key) const {
  return Error(
      absl::StrCat("Chorus does not implement \"", AbslView(key), "\": ", ShownJson(Value(key))));
}

absl::StatusOr<std::optional<bool>> JsonFields::Bool(std::string_view key) const {
  const json& value = Value(key);
  if (value.is_null()) return std::nullopt;
  if (value.is_boolean()) return value.get<bool>();
  return Error(absl::StrCat("\"", AbslView(key), "\" must be true or false: ", ShownJson(value)));
}

absl::StatusOr<std::optional<std::string>> JsonFields::String(std::string_view key) const {
  const json& value = Value(key);
  if (value.is_null()) return std::nullopt;
  if (value.is_string()) return value.get<std::string>();
  return Error(absl::StrCat("\"", AbslView(key), "\" must be a string: ", ShownJson(value)));
}

absl::StatusOr<std::optional<int32_t>> JsonFields::Id(std::string_view key) const {
  const json& value = Value(key);
  if (value.is_null()) return std::nullopt;
  if (value.is_number_unsigned() && value.get<uint64_t>() <= INT32_MAX) {
    return static_cast<int32_t>(value.get<uint64_t>());
  }
  return Error(absl::StrCat("\"", AbslView(key), "\" must be a token's id: ", ShownJson(value)));
}

absl::Status JsonFields::AllowOnly(std::initializer_list<std::string_view> keys) const {
  if (!object_.is_object()) return Error("must be an object");
  for (const auto& [key, value] : object_.items()) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) return Unimplemented(key);
  }
  return absl::OkStatus();
}

absl::Status JsonFields::RequireUnset(std::initializer_list<std::string_view> keys) const {
  for (const std::string_view key : keys) {
    if (!IsUnset(Value(key))) return Unimplemented(key);
  }
  return absl::OkStatus();
}

}  // namespace chorus::runner
