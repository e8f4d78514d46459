#pragma once

// The OpenAPI 3.1 document of a gRPC service that is served over HTTP/JSON: routes from its
// google.api.http annotations, schemas from its messages, texts from the .proto file's comments.
//
// Thread safety: free functions without state.

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace chorus {

struct OpenApiSources {
  // With comments (LoadCommentedProto).
  const google::protobuf::ServiceDescriptor* service;

  // The document without what the service says: info, servers, tags, the paths that are no RPC, and
  // the components that every operation refers to: the parameters and headers RequestId,
  // RequestTimeoutMs and RetryAfter, the responses MethodNotAllowed, NotAcceptable, PayloadTooLarge
  // and UnsupportedMediaType, and the schema Error. The first of its tags is that of the operations
  // whose path is not below /v1/TAG/.
  std::string_view base;

  // By operationId: {"parameters": {NAME: VALUE}, "request": VALUE,
  // "response": {MEDIA-TYPE: VALUE}}, each of them optional.
  std::string_view examples;

  std::string_view version;  // info.version
};

// INTERNAL when `base` or `examples` is not JSON or an example is of no operation, INVALID_ARGUMENT
// when an annotation is wrong or has no form in OpenAPI.
absl::StatusOr<std::string> MakeOpenApiDocument(const OpenApiSources& sources);

}  // namespace chorus
