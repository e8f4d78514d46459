#pragma once

// Scalar field values: from text or JSON into a message, and back.
//
// Text (a query parameter or path variable) and JSON follow proto3 JSON: integers in decimal,
// "true" and "false", enum values by name or number, bytes in base64 (standard or URL-safe, padded
// or not). In JSON, numbers may also be strings, and an integer may be written 1e3 or 1.0. NaN and
// infinities are refused, also as strings.
//
// Errors: INVALID_ARGUMENT with a message that continues from the field's name: `must be an integer
// from 0 to 4294967295: "-1"`. Long values are shortened.
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

namespace chorus::gateway {

struct EnumNumber {
  int value;
};

// The alternative is that of the field's C++ type; bytes are a string.
using ScalarValue = std::variant<int32_t, int64_t, uint32_t, uint64_t, float, double, bool,
                                 EnumNumber, std::string>;

// `field` must not be a message. Strings must be UTF-8.
absl::StatusOr<ScalarValue> ParseScalarText(const google::protobuf::FieldDescriptor& field,
                                            std::string_view text);

// From the literal of a JSON number.
absl::StatusOr<ScalarValue> ParseScalarNumber(const google::protobuf::FieldDescriptor& field,
                                              std::string_view literal);

// The error for a value, shown as `shown`, of another kind than the field's.
absl::Status WrongKind(const google::protobuf::FieldDescriptor& field, std::string_view shown);

// Sets a singular field, adds to a repeated one. `value` must be of the field's type.
void StoreScalar(const google::protobuf::FieldDescriptor& field, ScalarValue value,
                 google::protobuf::Message& message);

// Appends the JSON of a singular field (`index` -1) or of an element of a repeated one: 64-bit
// integers and bytes (base64) as strings, enum values by name.
void AppendScalarJson(const google::protobuf::FieldDescriptor& field,
                      const google::protobuf::Message& message, int index, std::string& json);

}  // namespace chorus::gateway
