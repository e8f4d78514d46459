#pragma once

// Parses a request's query string into the fields that its binding leaves to the query.
//
// A query string is application/x-www-form-urlencoded. A name is a field path such as
// "sub.max_length", spelled as in the .proto or in camel case. A repeated field may occur several
// times, in order. Values follow scalar_value.h.
//
// Forms in bodies have the same syntax.
//
// Thread safety: free functions without state.

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "api_server/transcoding/http_binding.h"

namespace chorus::gateway {

// Sets fields of `message`, which has the binding's input type. INVALID_ARGUMENT if a parameter is
// unknown (the error lists the known ones), is given by path or body, is given twice and not
// repeated, or has a bad value (the error names parameter and value).
absl::Status ParseQuery(std::string_view query, const HttpBinding& binding,
                        google::protobuf::Message& message);

// Whether `body` is meant as a form: one of its first 256 pairs is `name=value` with the name of a
// field of the binding's input; or all of it is `name=value` with identifiers as names and no white
// space that a form would encode, as programs encode a dictionary.
bool IsFormOfFields(std::string_view body, const HttpBinding& binding);

// As ParseQuery, for the body's form and the query together. The form must contain the binding's
// body field.
absl::Status ParseForm(std::string_view form, std::string_view query, const HttpBinding& binding,
                       google::protobuf::Message& message);

// The parameters that the binding takes, in order of declaration. Recursive messages are followed
// once.
std::vector<std::string> GetQueryParameters(const HttpBinding& binding);

}  // namespace chorus::gateway
