#pragma once

// The parts of an HTTP request into the method's input message.
//
// What the body is, by the binding:
// * none: it must be empty.
// * `body: "*"`: a JSON object of every field that the path does not give.
// * `body: "field"`, a string field: as text/plain, the raw body; as application/json, a JSON
//   string. A body without a content type or as application/x-www-form-urlencoded, which curl -d
//   sends of itself, is what it looks like:
//   - a JSON object is refused, for it was meant as the fields;
//   - a form, where one of its `name=value` pairs has the name of a field, is read as fields, this
//     one among them; names that are unknown are refused;
//   - anything else is the raw body.
// * `body: "field"`, a bytes field: the raw body, also as application/octet-stream; as JSON,
// base64.
// * `body: "field"`, any other field: the field's JSON.
// Where JSON is asked for, a missing content type means JSON. A byte-order mark at the beginning of
// a text or of JSON is not part of it.
//
// Thread safety: free functions without state.

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "api_server/transcoding/http_binding.h"

namespace chorus {

struct RequestParts {
  const std::vector<std::string>& variable_values;  // Decoded; as HttpBinding::variables.
  std::string_view query;                           // Encoded, without the question mark.
  std::string_view content_type;                    // Empty: no such header.
  std::string_view body;
};

// Fills `message`, which is empty and of the binding's input type. INVALID_ARGUMENT says which part
// is wrong and how; HttpStatus() of it is 415 when that is the content type, else 400.
absl::Status TranslateRequest(const HttpBinding& binding, const RequestParts& parts,
                              google::protobuf::Message& message);

}  // namespace chorus
