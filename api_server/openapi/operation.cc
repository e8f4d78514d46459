#include "api_server/openapi/operation.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api_server/openapi/comment.h"
#include "api_server/transcoding/field_path.h"
#include "api_server/transcoding/http_status.h"
#include "base/status_macros.h"

namespace chorus::gateway {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

namespace {

using Json = OperationBuilder::Json;

constexpr int kClientClosedRequest = 499;  // Never sent.
constexpr int kMaxReferences = 8;

Json Ref(const char* kind, const char* name) {
  return {{"$ref", absl::StrCat("#/components/", kind, "/", name)}};
}

void SetExample(const Json& examples, const char* of, Json& object) {
  if (examples.contains(of)) object["example"] = examples[of];
}

// "NOT_FOUND" -> 404; none for a name that is no code.
std::optional<int> HttpCode(const std::string& grpc_code) {
  for (int code = 1; code <= 16; ++code) {
    const auto status_code = static_cast<absl::StatusCode>(code);
    if (absl::StatusCodeToString(status_code) == grpc_code) return HttpStatusFromCode(status_code);
  }
  return std::nullopt;
}

bool IsText(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_STRING && !field.is_repeated();
}

// The fields of the input that are not given beside the path: those that it gives whole, and those
// that the method refuses.
SchemaBuilder::Fields HiddenFields(const HttpBinding& binding) {
  SchemaBuilder::Fields fields;
  for (const FieldPath& path : binding.variables) {
    if (path.size() == 1) fields.insert(path.front());
  }
  const Descriptor& input = *binding.method->input_type();
  for (int i = 0; binding.method->server_streaming() && i < input.field_count(); ++i) {
    if (IsNotInStreams(CommentOf(*input.field(i)))) fields.insert(input.field(i));
  }
  return fields;
}

Json RequestIdHeader() { return {{"X-Request-Id", Ref("headers", "RequestId")}}; }

Json ErrorResponse(int http_code, const std::string& description) {
  Json headers = RequestIdHeader();
  if (http_code == 429 || http_code == 503) headers["Retry-After"] = Ref("headers", "RetryAfter");
  return {{"description", description},
          {"headers", std::move(headers)},
          {"content", {{"application/json", {{"schema", Ref("schemas", "Error")}}}}}};
}

}  // namespace

OperationBuilder::OperationBuilder(const ServiceDescriptor& service, SchemaBuilder& schemas)
    : service_(service), schemas_(schemas) {}

absl::StatusOr<Json> OperationBuilder::Build(const HttpBinding& binding, const Json& examples) {
  const std::string description = ErrorsOf(CommentOf(*binding.method)).description;
  Json operation;
  operation["summary"] = FirstSentence(description);
  operation["description"] = description;
  ASSIGN_OR_RETURN(operation["parameters"], Parameters(binding, examples));
  if (binding.body != HttpBinding::Body::kNone) {
    operation["requestBody"] = RequestBody(binding, examples);
  }
  operation["responses"] = Responses(binding, examples);
  return operation;
}

absl::StatusOr<Json> OperationBuilder::Parameters(const HttpBinding& binding,
                                                  const Json& examples) {
  const Json values = examples.value("parameters", Json::object());
  Json parameters = Json::array();
  const auto add = [&](const std::string& name, const FieldDescriptor& field, const char* in) {
    Json schema = schemas_.Parameter(field);
    Json parameter = {{"name", name}, {"in", in}};
    if (in == std::string("path")) parameter["required"] = true;
    if (schema.contains("description")) {
      parameter["description"] = schema["description"];
      schema.erase("description");
    }
    parameter["schema"] = std::move(schema);
    SetExample(values, name.c_str(), parameter);
    parameters.push_back(std::move(parameter));
  };
  for (const FieldPath& path : binding.variables) add(FieldPathName(path), *path.back(), "path");
  if (binding.body != HttpBinding::Body::kWhole) {
    const SchemaBuilder::Fields hidden = HiddenFields(binding);
    const Descriptor& input = *binding.method->input_type();
    for (int i = 0; i < input.field_count(); ++i) {
      const FieldDescriptor& field = *input.field(i);
      if (hidden.contains(&field) || &field == binding.body_field) continue;
      if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        return absl::InvalidArgumentError(
            absl::StrCat(binding.name(), ": the query parameter ", field.name(), " is a message"));
      }
      add(field.name(), field, "query");
    }
  }
  parameters.push_back(Ref("parameters", "RequestId"));
  parameters.push_back(Ref("parameters", "RequestTimeoutMs"));
  return parameters;
}

Json OperationBuilder::RequestBody(const HttpBinding& binding, const Json& examples) {
  if (binding.body == HttpBinding::Body::kWhole) {
    Json media = {
        {"schema", schemas_.RequestBody(*binding.method->input_type(), HiddenFields(binding))}};
    SetExample(examples, "request", media);
    return {{"required", true}, {"content", {{"application/json", std::move(media)}}}};
  }
  Json schema = schemas_.Field(*binding.body_field);
  std::string description;
  if (schema.contains("description")) {
    description = schema["description"];
    schema.erase("description");
  }
  Json media = {{"schema", std::move(schema)}};
  SetExample(examples, "request", media);
  Json content;
  if (IsText(*binding.body_field)) {
    absl::StrAppend(&description,
                    "\n\nAs `text/plain` the body is the text itself. As `application/json` it is "
                    "a JSON string. Without a Content-Type, and with the "
                    "`application/x-www-form-urlencoded` that `curl -d` sends of itself, it is the "
                    "text too, unless it is a form that names a field, whose fields are then those "
                    "of the request, or a JSON object, which is refused.");
    content["text/plain"] = media;
  }
  content["application/json"] = std::move(media);
  return {{"description", description}, {"content", std::move(content)}};
}

Json OperationBuilder::Success(const HttpBinding& binding, const Json& examples) {
  const Json bodies = examples.value("response", Json::object());
  const Descriptor& output = *binding.method->output_type();
  Json schema = binding.response_field == nullptr ? schemas_.Message(output)
                                                  : schemas_.Field(*binding.response_field);
  Json content;
  const auto add = [&](const char* media_type, Json media_schema) {
    Json media = {{"schema", std::move(media_schema)}};
    SetExample(bodies, media_type, media);
    content[media_type] = std::move(media);
  };
  if (!binding.method->server_streaming()) {
    add("application/json", schema);
    return {{"description", "The reply."},
            {"headers", RequestIdHeader()},
            {"content", std::move(content)}};
  }
  add("text/event-stream",
      {{"type", "string"},
       {"description",
        absl::StrCat("Server-sent events. `event:` names the member of ", output.name(),
                     " that is set, `data:` has that member's JSON in one line. Lines that begin "
                     "with a colon are heartbeats.")},
       {"contentMediaType", "text/event-stream"},
       {"contentSchema", schema}});
  add("application/x-ndjson",
      {{"type", "string"},
       {"description", absl::StrCat("A JSON object a line, each a ", output.name(), ".")},
       {"contentMediaType", "application/x-ndjson"},
       {"contentSchema", schema}});
  return {{"description",
           "The stream. It ends well after a `done` event; after an `error` event, or neither, the "
           "call has failed."},
          {"headers", RequestIdHeader()},
          {"content", std::move(content)}};
}

Json OperationBuilder::Responses(const HttpBinding& binding, const Json& examples) {
  std::map<int, std::string> descriptions;
  for (const auto& [grpc_code, text] : ErrorsOfMethod(*binding.method)) {
    const std::optional<int> code = HttpCode(grpc_code);
    if (!code.has_value() || *code == kClientClosedRequest) continue;
    std::string& description = descriptions[*code];
    absl::StrAppend(&description, description.empty() ? "" : "\n\n", "`", grpc_code, "`: ", text);
  }
  std::map<std::string, Json> errors = {{"405", Ref("responses", "MethodNotAllowed")},
                                        {"406", Ref("responses", "NotAcceptable")},
                                        {"414", Ref("responses", "UriTooLong")},
                                        {"431", Ref("responses", "RequestHeaderFieldsTooLarge")}};
  if (binding.body != HttpBinding::Body::kNone) {
    errors.emplace("408", Ref("responses", "RequestTimeout"));
    errors.emplace("413", Ref("responses", "PayloadTooLarge"));
    errors.emplace("415", Ref("responses", "UnsupportedMediaType"));
  }
  descriptions.emplace(400, "`INVALID_ARGUMENT`: the request is malformed.");
  for (const auto& [code, description] : descriptions) {
    errors.insert_or_assign(absl::StrCat(code), ErrorResponse(code, description));
  }
  Json responses = {{"200", Success(binding, examples)}};
  for (auto& [code, response] : errors) responses[code] = std::move(response);
  return responses;
}

std::map<std::string, std::string> OperationBuilder::ErrorsOfMethod(
    const MethodDescriptor& method) const {
  std::map<std::string, std::string> errors = OwnErrors(method.name(), 0);
  for (const auto& [code, text] : ErrorsOf(CommentOf(service_)).errors) {
    errors.emplace(code, text);
  }
  return errors;
}

std::map<std::string, std::string> OperationBuilder::OwnErrors(const std::string& name,
                                                               int depth) const {
  const MethodDescriptor* method = service_.FindMethodByName(name);
  if (method == nullptr || depth > kMaxReferences) return {};
  const CommentErrors comment = ErrorsOf(CommentOf(*method));
  std::map<std::string, std::string> errors;
  for (const auto& [code, text] : comment.errors) {
    const auto [other, rest] = TakeAs(text);
    if (other.empty()) {
      errors.emplace(code, text);
      continue;
    }
    const std::map<std::string, std::string> others = OwnErrors(other, depth + 1);
    const auto found = others.find(code);
    std::string resolved = found == others.end() ? "" : found->second;
    // "…, or wrong." and "; also when …." become one sentence.
    if (rest != ".") resolved = absl::StrCat(absl::StripSuffix(resolved, "."), rest);
    errors.emplace(code, std::move(resolved));
  }
  if (!comment.inherits.empty()) errors.merge(OwnErrors(comment.inherits, depth + 1));
  return errors;
}

}  // namespace chorus::gateway
