#include "api_server/protocols/json_fields.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error_details.h"
#include "base/json_reader.h"
#include "base/near_name.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

constexpr JsonRules kRules = {.max_depth = 100, .equal_keys = false};

}  // namespace

absl::StatusOr<JsonFields> JsonFields::Parse(std::string_view body) {
  if (const absl::Status status = JsonReader(kRules).Read(body); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("the body is not JSON: ", status.message()));
  }
  nlohmann::json object = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::InvalidArgumentError("the body must be a JSON object");
  return JsonFields(std::move(object));
}

const nlohmann::json* JsonFields::Any(std::string_view name) {
  asked_for_.insert(std::string(name));
  const auto found = object_.find(name);
  return !error_.ok() || found == object_.end() || found->is_null() ? nullptr : &*found;
}

void JsonFields::Refuse(std::string_view name, std::string_view problem) {
  Note(FieldError(absl::StrCat(prefix_, AbslView(name)), problem));
}

std::optional<std::string> JsonFields::String(std::string_view name) {
  const nlohmann::json* value = Any(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  Refuse(name, "must be a string");
  return std::nullopt;
}

std::optional<bool> JsonFields::Bool(std::string_view name) {
  const nlohmann::json* value = Any(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  Refuse(name, "must be true or false");
  return std::nullopt;
}

std::optional<double> JsonFields::Number(std::string_view name) {
  const nlohmann::json* value = Any(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) return value->get<double>();
  Refuse(name, "must be a number");
  return std::nullopt;
}

std::optional<int64_t> JsonFields::Integer(std::string_view name, int64_t least, int64_t most) {
  const nlohmann::json* value = Any(name);
  if (value == nullptr) return std::nullopt;
  const bool fits = value->is_number_integer() &&
                    (!value->is_number_unsigned() || value->get<uint64_t>() <= INT64_MAX);
  if (fits && value->get<int64_t>() >= least && value->get<int64_t>() <= most) {
    return value->get<int64_t>();
  }
  Refuse(name, absl::StrCat("must be an integer from ", least, " to ", most));
  return std::nullopt;
}

std::vector<std::string> JsonFields::Strings(std::string_view name) {
  std::vector<std::string> strings;
  const nlohmann::json* value = Any(name);
  if (value == nullptr) return strings;
  if (value->is_string()) return {value->get<std::string>()};
  bool are_strings = value->is_array();
  for (size_t i = 0; are_strings && i < value->size(); ++i) {
    are_strings = (*value)[i].is_string();
    if (are_strings) strings.push_back((*value)[i].get<std::string>());
  }
  if (!are_strings) Refuse(name, "must be a string or an array of strings");
  return strings;
}

std::optional<JsonFields> JsonFields::Object(std::string_view name) {
  const nlohmann::json* value = Any(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_object()) {
    return JsonFields(*value, absl::StrCat(prefix_, AbslView(name), "."));
  }
  Refuse(name, "must be an object");
  return std::nullopt;
}

void JsonFields::Ignore(std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) asked_for_.insert(std::string(name));
}

absl::Status JsonFields::Done() {
  RETURN_IF_ERROR(error_);
  for (const auto& [name, value] : object_.items()) {
    if (asked_for_.contains(name) || value.is_null()) continue;
    const std::vector<std::string> known(asked_for_.begin(), asked_for_.end());
    const std::string near = NearName(name, known);
    return FieldError(absl::StrCat(prefix_, name),
                      near.empty() ? "is not known here"
                                   : absl::StrCat("is not known here; did you mean ", near, "?"));
  }
  return absl::OkStatus();
}

}  // namespace chorus::gateway
