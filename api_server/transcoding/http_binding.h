#pragma once

// One HTTP route of a gRPC method: a google.api.http annotation, or one of its
// additional_bindings, checked against the messages it names.
//
// Thread safety: a value. It borrows descriptors, which must outlive it.

#include <google/protobuf/descriptor.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api_server/transcoding/field_path.h"
#include "api_server/transcoding/http_template.h"

namespace chorus::gateway {

struct HttpBinding {
  // Where the fields come from that are not in the path.
  enum class Body {
    kNone,   // All are query parameters.
    kField,  // One is the body, the others are query parameters.
    kWhole   // All are members of the body, a JSON object.
  };

  const google::protobuf::MethodDescriptor* method = nullptr;
  std::string rpc_path;       // "/chorus.v1.InferenceService/RunGraph".
  std::string http_method;    // In upper case; "*" stands for any.
  std::string path_template;  // "/v1/graphs/{graph}:run".
  HttpTemplate http_template;
  std::vector<FieldPath> variables;  // Of the input, in the order of http_template.variables.
  Body body = Body::kNone;
  const google::protobuf::FieldDescriptor* body_field = nullptr;      // Of kField.
  const google::protobuf::FieldDescriptor* response_field = nullptr;  // Null: the whole reply.

  // Routes of the same service that take all fields as one JSON object, to name in errors.
  std::vector<std::string> json_object_routes;

  // "POST /v1/graphs/{graph}:run", for errors.
  std::string name() const { return http_method + " " + path_template; }
};

// The bindings of the service's annotated methods, in order of declaration. INVALID_ARGUMENT names
// the method and the error: a template that does not parse, a variable that is not a singular
// scalar field of the request, a body or response_body that is not a field, a body that is also in
// the path, additional_bindings inside additional_bindings, a client-streaming method, a message
// with a field that is not supported: a map, or one of google.protobuf's messages.
absl::StatusOr<std::vector<HttpBinding>> GetHttpBindings(
    const google::protobuf::ServiceDescriptor& service);

}  // namespace chorus::gateway
