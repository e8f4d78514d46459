#pragma once

// Makes the OpenAPI 3.1 document of a gRPC service served over HTTP/JSON: routes from its
// google.api.http annotations, schemas from its messages, texts from the .proto file's comments.
//
// Thread safety: free functions without state.

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace chorus::gateway {

struct OpenApiSources {
  // With comments (LoadCommentedProto).
  const google::protobuf::ServiceDescriptor* service;

  // The parts of the document that the service does not give: info, servers, tags, paths that are
  // not RPCs, and the components that operations refer to: the parameters and headers RequestId,
  // RequestTimeoutMs and RetryAfter, the responses MethodNotAllowed, NotAcceptable, PayloadTooLarge
  // and UnsupportedMediaType, and the schema Error. Its first tag is for operations whose path is
  // not below /v1/TAG/.
  std::string_view base;

  // By operationId: {"parameters": {NAME: VALUE}, "request": VALUE,
  // "response": {MEDIA-TYPE: VALUE}}, each of them optional.
  std::string_view examples;

  std::string_view version;  // info.version
};

// INTERNAL if `base` or `examples` is not JSON or an example has no operation; INVALID_ARGUMENT for
// an annotation that is wrong or has no OpenAPI form.
absl::StatusOr<std::string> MakeOpenApiDocument(const OpenApiSources& sources);

}  // namespace chorus::gateway
