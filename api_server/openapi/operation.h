#pragma once

// One HTTP route of an RPC as an OpenAPI operation.
//
// Thread safety: none.

#include <google/protobuf/descriptor.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "api_server/openapi/schema_builder.h"
#include "api_server/transcoding/http_binding.h"

namespace chorus::gateway {

class OperationBuilder {
 public:
  using Json = nlohmann::ordered_json;

  // Both must outlive the builder. Adds the schemas that operations refer to to `schemas`.
  OperationBuilder(const google::protobuf::ServiceDescriptor& service, SchemaBuilder& schemas);

  // `examples` are OpenApiSources' for this operation. The result has no operationId and no tags.
  // INVALID_ARGUMENT if a query parameter would be a message.
  absl::StatusOr<Json> Build(const HttpBinding& binding, const Json& examples);

 private:
  absl::StatusOr<Json> Parameters(const HttpBinding& binding, const Json& examples);
  Json RequestBody(const HttpBinding& binding, const Json& examples);
  Json Success(const HttpBinding& binding, const Json& examples);
  Json Responses(const HttpBinding& binding, const Json& examples);

  // A method's errors by gRPC code, its own and the service's.
  std::map<std::string, std::string> ErrorsOfMethod(
      const google::protobuf::MethodDescriptor& method) const;
  // The errors of the method's comment and of those it refers to. `depth` bounds cycles.
  std::map<std::string, std::string> OwnErrors(const std::string& method, int depth) const;

  const google::protobuf::ServiceDescriptor& service_;
  SchemaBuilder& schemas_;
};

}  // namespace chorus::gateway
