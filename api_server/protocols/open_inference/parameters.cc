#include "api_server/protocols/open_inference/parameters.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api_server/transcoding/json_to_message.h"
#include "base/error_details.h"
#include "base/near_name.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

using google::protobuf::FieldDescriptor;

// Fields that are the request's text or model, or ask for what no tensor holds.
constexpr std::string_view kNotParameters[] = {
    "model",    "graph",   "text",    "texts",   "text_pairs", "prompt_ids",
    "logprobs", "explain", "details", "partial", "format",     "prompt_logprobs"};

bool IsParameter(const FieldDescriptor& field) {
  return std::ranges::find(kNotParameters, field.name()) == std::end(kNotParameters);
}

std::vector<std::string> NamesOf(const google::protobuf::Descriptor& descriptor) {
  std::vector<std::string> names;
  for (int i = 0; i < descriptor.field_count(); ++i) {
    if (IsParameter(*descriptor.field(i))) names.push_back(descriptor.field(i)->name());
  }
  return names;
}

absl::Status UnknownError(const std::string& name, const google::protobuf::Descriptor& of) {
  const std::string near = NearName(name, NamesOf(of));
  return FieldError(name, near.empty() ? "is not a parameter of this model"
                                       : absl::StrCat("is not a parameter of this model; did you "
                                                      "mean ",
                                                      near, "?"));
}

}  // namespace

absl::Status SetParameters(const nlohmann::json& parameters, google::protobuf::Message& request) {
  const google::protobuf::Descriptor& descriptor = *request.GetDescriptor();
  for (const auto& [name, value] : parameters.items()) {
    const bool is_alias = name == "max_tokens" && !parameters.contains("max_new_tokens");
    const FieldDescriptor* field = descriptor.FindFieldByName(is_alias ? "max_new_tokens" : name);
    if (field == nullptr || !IsParameter(*field)) return UnknownError(name, descriptor);
    if (value.is_number_float() && !std::isfinite(value.get<double>())) {
      return FieldError(name, "must be finite");
    }
    const bool is_one = field->is_repeated() && value.is_string();
    const nlohmann::json& given = is_one ? nlohmann::json::array({value}) : value;
    RETURN_IF_ERROR(JsonToField(
        given.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), *field, request));
  }
  return absl::OkStatus();
}

}  // namespace chorus::gateway
