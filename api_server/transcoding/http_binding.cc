#include "api_server/transcoding/http_binding.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "google/api/annotations.pb.h"
#include "google/api/http.pb.h"

namespace chorus::gateway {

using google::api::HttpRule;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

namespace {

absl::Status SetPattern(const HttpRule& rule, HttpBinding& binding) {
  switch (rule.pattern_case()) {
    case HttpRule::kGet:
      binding.http_method = "GET";
      binding.path_template = rule.get();
      break;
    case HttpRule::kPut:
      binding.http_method = "PUT";
      binding.path_template = rule.put();
      break;
    case HttpRule::kPost:
      binding.http_method = "POST";
      binding.path_template = rule.post();
      break;
    case HttpRule::kDelete:
      binding.http_method = "DELETE";
      binding.path_template = rule.delete_();
      break;
    case HttpRule::kPatch:
      binding.http_method = "PATCH";
      binding.path_template = rule.patch();
      break;
    case HttpRule::kCustom:
      binding.http_method = rule.custom().kind();
      binding.path_template = rule.custom().path();
      break;
    case HttpRule::PATTERN_NOT_SET:
      break;
  }
  if (binding.http_method.empty()) return absl::InvalidArgumentError("it has no HTTP method");
  ASSIGN_OR_RETURN(binding.http_template, HttpTemplate::Parse(binding.path_template));
  return absl::OkStatus();
}

absl::Status SetVariables(const Descriptor& input, HttpBinding& binding) {
  for (const HttpTemplate::Variable& variable : binding.http_template.variables) {
    const std::string name = absl::StrJoin(variable.field_path, ".");
    FieldPath path = ResolveFieldPath(input, name);
    if (path.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the path variable ", name, " is no field of ", input.full_name()));
    }
    if (path.back()->is_repeated() || path.back()->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return absl::InvalidArgumentError(
          absl::StrCat("the path variable ", name, " must be a singular field, and no message"));
    }
    binding.variables.push_back(std::move(path));
  }
  return absl::OkStatus();
}

absl::Status SetBodies(const HttpRule& rule, HttpBinding& binding) {
  const Descriptor& input = *binding.method->input_type();
  const Descriptor& output = *binding.method->output_type();
  if (rule.body() == "*") {
    binding.body = HttpBinding::Body::kWhole;
  } else if (!rule.body().empty()) {
    binding.body = HttpBinding::Body::kField;
    binding.body_field = input.FindFieldByName(rule.body());
    if (binding.body_field == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("the body ", rule.body(), " is no field of ", input.full_name()));
    }
  }
  for (const FieldPath& path : binding.variables) {
    if (path.size() == 1 && path.front() == binding.body_field) {
      return absl::InvalidArgumentError(
          absl::StrCat("the field ", rule.body(), " is both in the path and the body"));
    }
  }
  if (!rule.response_body().empty()) {
    binding.response_field = output.FindFieldByName(rule.response_body());
    if (binding.response_field == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("the response_body ", rule.response_body(),
                                                     " is no field of ", output.full_name()));
    }
  }
  return absl::OkStatus();
}

// `seen` are the messages that have been looked at. Only a reply may hold an Any.
absl::Status CheckHasJson(const Descriptor& message, bool is_reply,
                          absl::flat_hash_set<const Descriptor*>& seen) {
  if (!seen.insert(&message).second) return absl::OkStatus();
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const Descriptor::WellKnownType known = field.message_type()->well_known_type();
    if (is_reply && known == Descriptor::WELLKNOWNTYPE_ANY) continue;
    if (field.is_map() || field.message_type()->file()->package() == "google.protobuf") {
      return absl::InvalidArgumentError(
          absl::StrCat("the field ", field.full_name(), " has no JSON here: it is a ",
                       field.is_map() ? "map" : field.message_type()->full_name()));
    }
    RETURN_IF_ERROR(CheckHasJson(*field.message_type(), is_reply, seen));
  }
  return absl::OkStatus();
}

absl::StatusOr<HttpBinding> MakeBinding(const MethodDescriptor& method, const HttpRule& rule) {
  HttpBinding binding;
  binding.method = &method;
  binding.rpc_path = absl::StrCat("/", method.service()->full_name(), "/", method.name());
  RETURN_IF_ERROR(SetPattern(rule, binding));
  RETURN_IF_ERROR(SetVariables(*method.input_type(), binding));
  RETURN_IF_ERROR(SetBodies(rule, binding));
  return binding;
}

absl::Status AddBindings(const MethodDescriptor& method, std::vector<HttpBinding>& bindings) {
  if (method.client_streaming()) {
    return absl::InvalidArgumentError("a client-streaming method has no HTTP form");
  }
  absl::flat_hash_set<const Descriptor*> seen;
  RETURN_IF_ERROR(CheckHasJson(*method.input_type(), /*is_reply=*/false, seen));
  RETURN_IF_ERROR(CheckHasJson(*method.output_type(), /*is_reply=*/true, seen));
  const HttpRule& rule = method.options().GetExtension(google::api::http);
  ASSIGN_OR_RETURN(HttpBinding binding, MakeBinding(method, rule));
  bindings.push_back(std::move(binding));
  for (const HttpRule& additional : rule.additional_bindings()) {
    if (additional.additional_bindings_size() > 0) {
      return absl::InvalidArgumentError("additional_bindings must not hold additional_bindings");
    }
    ASSIGN_OR_RETURN(HttpBinding more, MakeBinding(method, additional));
    bindings.push_back(std::move(more));
  }
  return absl::OkStatus();
}

// Whether `other` has each field of `message` with its name and type, repeated or not.
bool HasAllFields(const Descriptor& other, const Descriptor& message) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor* field = other.FindFieldByName(message.field(i)->name());
    if (field == nullptr || field->type() != message.field(i)->type() ||
        field->is_repeated() != message.field(i)->is_repeated()) {
      return false;
    }
  }
  return true;
}

}  // namespace

absl::StatusOr<std::vector<HttpBinding>> GetHttpBindings(const ServiceDescriptor& service) {
  std::vector<HttpBinding> bindings;
  for (int i = 0; i < service.method_count(); ++i) {
    const MethodDescriptor& method = *service.method(i);
    if (!method.options().HasExtension(google::api::http)) continue;
    if (const absl::Status status = AddBindings(method, bindings); !status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("google.api.http of ", method.full_name(), ": ", status.message()));
    }
  }
  for (HttpBinding& binding : bindings) {
    if (binding.body != HttpBinding::Body::kField) continue;
    for (const HttpBinding& other : bindings) {
      if (other.body == HttpBinding::Body::kWhole &&
          other.method->server_streaming() == binding.method->server_streaming() &&
          HasAllFields(*other.method->input_type(), *binding.method->input_type())) {
        binding.json_object_routes.push_back(other.name());
      }
    }
  }
  return bindings;
}

}  // namespace chorus::gateway
