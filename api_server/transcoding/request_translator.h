#pragma once

// Makes a method's input message from the parts of an HTTP request.
//
// The body, by the binding:
// * none: must be empty.
// * `body: "*"`: a JSON object of the fields that are not in the path.
// * `body: "field"`, a string field: as text/plain, the raw body; as application/json, a JSON
//   string. A body without a content type or as application/x-www-form-urlencoded, the default of
//   curl -d, is taken for what it looks like:
//   - a JSON object is refused, since it is meant as the fields;
//   - a form (IsFormOfFields) is read as fields, this one included; unknown names are refused;
//   - anything else is the raw body.
// * `body: "field"`, a bytes field: the raw body, also as application/octet-stream; in JSON base64.
// * `body: "field"`, any other field: the field's JSON.
// Where JSON is required, a missing content type means JSON. A leading byte order mark of text or
// JSON is dropped.
//
// Thread safety: free functions without state.

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "api_server/transcoding/http_binding.h"

namespace chorus::gateway {

struct RequestParts {
  const std::vector<std::string>& variable_values;  // Decoded; as HttpBinding::variables.
  std::string_view query;                           // Encoded, without the question mark.
  std::string_view content_type;                    // Empty: no such header.
  std::string_view body;
};

// Fills `message`, which is empty and has the binding's input type. INVALID_ARGUMENT, with
// HttpStatus() 415 for the content type, else 400.
absl::Status TranslateRequest(const HttpBinding& binding, const RequestParts& parts,
                              google::protobuf::Message& message);

}  // namespace chorus::gateway
