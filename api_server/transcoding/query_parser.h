#pragma once

// The query string of a request into the fields that the binding leaves to it.
//
// A query string is application/x-www-form-urlencoded: pairs between `&`, `+` is a space. A name is
// a field path such as "sub.max_length", in the .proto's spelling or in camel case. A repeated
// field may be named often and keeps the order. Values are spelt as scalar_value.h says.
//
// A form in a body has the same syntax.
//
// Thread safety: free functions without state.

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "api_server/transcoding/http_binding.h"

namespace chorus {

// Sets fields of `message`, which is of the binding's input type. INVALID_ARGUMENT when a parameter
// is unknown (the message lists the known ones), is a field that the path or the body gives, is
// given twice and not repeated, or has a bad value (the message names parameter and value).
absl::Status ParseQuery(std::string_view query, const HttpBinding& binding,
                        google::protobuf::Message& message);

// Whether `body` is a form whose writer meant fields: one of its first 256 pairs is `name=value`
// with the name of a field of the binding's input; or it is what programs make of a dictionary, all
// of it `name=value` with names as programs have them, and no white space that a form would encode.
bool IsFormOfFields(std::string_view body, const HttpBinding& binding);

// As ParseQuery, of the body's form and the query together. The form must give the field that the
// body gives otherwise.
absl::Status ParseForm(std::string_view form, std::string_view query, const HttpBinding& binding,
                       google::protobuf::Message& message);

// The parameters that the binding takes, in order of declaration. Messages that hold themselves
// are followed once.
std::vector<std::string> GetQueryParameters(const HttpBinding& binding);

}  // namespace chorus
