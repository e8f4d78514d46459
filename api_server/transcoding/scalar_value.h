#pragma once

// The value of a field that is not a message, on its way from text or JSON into a message, and
// back.
//
// Text (a query parameter, a path variable, a map's key) and JSON are held to proto3 JSON's
// spelling: integers in decimal, "true" and "false", enum values by name or number, bytes in
// base64 (standard or URL-safe, padded or not). Of JSON, numbers may also be strings, and an
// integer may be written 1e3 or 1.0. NaN and the infinities are refused, also as strings: no field
// of ours means anything by them.
//
// Errors: INVALID_ARGUMENT with a message that goes on from the field's name:
// `must be an integer from 0 to 4294967295: "-1"`. Long values are shortened.
//
// Thread safety: free functions without state.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus {

struct EnumNumber {
  int value;
};

// The alternative is that of the field's C++ type; bytes are a string.
using ScalarValue = std::variant<int32_t, int64_t, uint32_t, uint64_t, float, double, bool,
                                 EnumNumber, std::string>;

// `field` must not be a message. Strings must be UTF-8.
absl::StatusOr<ScalarValue> ParseScalarText(const google::protobuf::FieldDescriptor& field,
                                            std::string_view text);

// Of a number in JSON, as it is written there.
absl::StatusOr<ScalarValue> ParseScalarNumber(const google::protobuf::FieldDescriptor& field,
                                              std::string_view literal);

// What is said of a value of another kind than the field's, which is called `shown`.
absl::Status WrongKind(const google::protobuf::FieldDescriptor& field, std::string_view shown);

// Sets a singular field, adds to a repeated one. `value` must be of the field's type.
void StoreScalar(const google::protobuf::FieldDescriptor& field, ScalarValue value,
                 google::protobuf::Message& message);

// Writes the JSON of a singular field (`index` -1) or of one element of a repeated one after what
// is in `json`: 64-bit integers and bytes (base64) as strings, enum values by name.
void AppendScalarJson(const google::protobuf::FieldDescriptor& field,
                      const google::protobuf::Message& message, int index, std::string& json);

}  // namespace chorus
