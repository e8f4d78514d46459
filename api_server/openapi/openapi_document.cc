#include "api_server/openapi/openapi_document.h"

#include <cctype>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "api_server/openapi/operation.h"
#include "api_server/openapi/schema_builder.h"
#include "api_server/transcoding/http_binding.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<Json> Parse(std::string_view text, const char* what) {
  Json json = Json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) return json;
  return absl::InternalError(absl::StrCat(what, " of the OpenAPI document is not a JSON object"));
}

// "/v1/{name=shelves/*}:run" -> "/v1/{name}:run".
std::string OpenApiPath(std::string_view path_template) {
  std::string path;
  bool in_pattern = false;
  for (const char c : path_template) {
    if (c == '=') in_pattern = true;
    if (c == '}') in_pattern = false;
    if (!in_pattern) path += c;
  }
  return path;
}

// "/v1/models/{model}:generate" -> "Models".
std::string TagOf(std::string_view path, const Json& base) {
  constexpr std::string_view kPrefix = "/v1/";
  if (!path.starts_with(kPrefix)) return base["tags"][0]["name"];
  std::string tag(path.substr(kPrefix.size()));
  tag.resize(std::min(tag.find_first_of("/:"), tag.size()));
  if (!tag.empty()) tag[0] = absl::ascii_toupper(tag[0]);
  return tag;
}

absl::StatusOr<std::string> HttpMethod(const HttpBinding& binding) {
  static const auto* const known = new std::set<std::string>{"GET",   "PUT",  "POST",    "DELETE",
                                                             "PATCH", "HEAD", "OPTIONS", "TRACE"};
  if (known->contains(binding.http_method)) return absl::AsciiStrToLower(binding.http_method);
  return absl::InvalidArgumentError(
      absl::StrCat(binding.name(), ": OpenAPI has no method ", binding.http_method));
}

}  // namespace

absl::StatusOr<std::string> MakeOpenApiDocument(const OpenApiSources& sources) {
  ASSIGN_OR_RETURN(Json document, Parse(sources.base, "the base"));
  ASSIGN_OR_RETURN(const Json examples, Parse(sources.examples, "the list of examples"));
  ASSIGN_OR_RETURN(const std::vector<HttpBinding> bindings, GetHttpBindings(*sources.service));
  SchemaBuilder schemas;
  OperationBuilder operations(*sources.service, schemas);
  std::set<std::string> ids;
  Json paths = Json::object();
  for (const HttpBinding& binding : bindings) {
    // Additional bindings of a method are numbered.
    std::string id = binding.method->name();
    for (int i = 2; !ids.insert(id).second; ++i) id = absl::StrCat(binding.method->name(), i);
    const std::string path = OpenApiPath(binding.path_template);
    ASSIGN_OR_RETURN(const std::string method, HttpMethod(binding));
    ASSIGN_OR_RETURN(const Json operation,
                     operations.Build(binding, examples.value(id, Json::object())));
    Json& entry = paths[path][method];
    entry["operationId"] = id;
    entry["tags"] = Json::array({TagOf(path, document)});
    entry.update(operation);
  }
  for (const auto& [id, example] : examples.items()) {
    if (!ids.contains(id)) {
      return absl::InternalError(absl::StrCat("there is an example of no operation: ", id));
    }
  }
  document["info"]["version"] = std::string(sources.version);
  paths.update(document["paths"]);
  document["paths"] = std::move(paths);
  document["components"]["schemas"].update(schemas.schemas());
  return document.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace chorus::gateway
