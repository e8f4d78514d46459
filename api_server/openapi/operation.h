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

namespace chorus {

class OperationBuilder {
 public:
  using Json = nlohmann::ordered_json;

  // Both must outlive the builder; the schemas that operations refer to are added to `schemas`.
  OperationBuilder(const google::protobuf::ServiceDescriptor& service, SchemaBuilder& schemas);

  // `examples` are those of OpenApiSources for this operation. The result has no operationId and no
  // tags. INVALID_ARGUMENT when a query parameter would be a message.
  absl::StatusOr<Json> Build(const HttpBinding& binding, const Json& examples);

 private:
  absl::StatusOr<Json> Parameters(const HttpBinding& binding, const Json& examples);
  Json RequestBody(const HttpBinding& binding, const Json& examples);
  Json Success(const HttpBinding& binding, const Json& examples);
  Json Responses(const HttpBinding& binding, const Json& examples);

  // What may go wrong with a method, by gRPC code: its own errors and those of the service.
  std::map<std::string, std::string> ErrorsOfMethod(
      const google::protobuf::MethodDescriptor& method) const;
  // What the method's own comment says, that of others it points at included. `depth` ends circles.
  std::map<std::string, std::string> OwnErrors(const std::string& method, int depth) const;

  const google::protobuf::ServiceDescriptor& service_;
  SchemaBuilder& schemas_;
};

}  // namespace chorus
