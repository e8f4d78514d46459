#include "api_server/transcoding/struct_json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/struct.pb.h>

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api_server/transcoding/json_writer.h"
#include "api_server/transcoding/scalar_value.h"
#include "base/status_macros.h"

namespace chorus {

using google::protobuf::FieldDescriptor;
using google::protobuf::ListValue;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Struct;
using google::protobuf::Value;

namespace {

// Field numbers are those of google/protobuf/struct.proto.
const FieldDescriptor& Field(const Message& message, int number) {
  return *message.GetDescriptor()->FindFieldByNumber(number);
}

constexpr int kEntryKey = 1;
constexpr int kEntryValue = 2;

bool Is(const Message& message, const google::protobuf::Descriptor& type) {
  return message.GetDescriptor()->full_name() == type.full_name();
}

Message& Child(Message& message, int number) {
  return *message.GetReflection()->MutableMessage(&message, &Field(message, number));
}

absl::Status ParseObject(const JsonValue& json, Message& message) {
  if (json.kind() != JsonValue::Kind::kObject) {
    return absl::InvalidArgumentError(absl::StrCat("must be an object: ", DescribeJson(json)));
  }
  const JsonValue::Range members = json.children();
  for (auto it = members.begin(); it != members.end(); ++it) {
    Message* entry =
        message.GetReflection()->AddMessage(&message, &Field(message, Struct::kFieldsFieldNumber));
    StoreScalar(Field(*entry, kEntryKey), (*it).string(), *entry);
    ++it;
    RETURN_IF_ERROR(ParseStructJson(*it, Child(*entry, kEntryValue)));
  }
  return absl::OkStatus();
}

absl::Status ParseArray(const JsonValue& json, Message& message) {
  if (json.kind() != JsonValue::Kind::kArray) {
    return absl::InvalidArgumentError(absl::StrCat("must be an array: ", DescribeJson(json)));
  }
  for (const JsonValue element : json.children()) {
    RETURN_IF_ERROR(
        ParseStructJson(element, *message.GetReflection()->AddMessage(
                                     &message, &Field(message, ListValue::kValuesFieldNumber))));
  }
  return absl::OkStatus();
}

absl::Status ParseValue(const JsonValue& json, Message& message) {
  switch (json.kind()) {
    case JsonValue::Kind::kObject:
      return ParseObject(json, Child(message, Value::kStructValueFieldNumber));
    case JsonValue::Kind::kArray:
      return ParseArray(json, Child(message, Value::kListValueFieldNumber));
    case JsonValue::Kind::kNull:
      StoreScalar(Field(message, Value::kNullValueFieldNumber), EnumNumber{0}, message);
      return absl::OkStatus();
    default:
      break;
  }
  const int number = json.kind() == JsonValue::Kind::kString   ? Value::kStringValueFieldNumber
                     : json.kind() == JsonValue::Kind::kNumber ? Value::kNumberValueFieldNumber
                                                               : Value::kBoolValueFieldNumber;
  const FieldDescriptor& field = Field(message, number);
  ASSIGN_OR_RETURN(ScalarValue value, ParseScalarJson(field, json));
  StoreScalar(field, std::move(value), message);
  return absl::OkStatus();
}

absl::Status AppendObject(const Message& message, std::string& json) {
  const Reflection& reflection = *message.GetReflection();
  const FieldDescriptor& fields = Field(message, Struct::kFieldsFieldNumber);
  json += '{';
  for (int i = 0; i < reflection.FieldSize(message, &fields); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &fields, i);
    if (i > 0) json += ',';
    AppendScalarJson(Field(entry, kEntryKey), entry, /*index=*/-1, json);
    json += ':';
    RETURN_IF_ERROR(AppendStructJson(
        entry.GetReflection()->GetMessage(entry, &Field(entry, kEntryValue)), json));
  }
  json += '}';
  return absl::OkStatus();
}

absl::Status AppendArray(const Message& message, std::string& json) {
  const Reflection& reflection = *message.GetReflection();
  const FieldDescriptor& values = Field(message, ListValue::kValuesFieldNumber);
  json += '[';
  for (int i = 0; i < reflection.FieldSize(message, &values); ++i) {
    if (i > 0) json += ',';
    RETURN_IF_ERROR(AppendStructJson(reflection.GetRepeatedMessage(message, &values, i), json));
  }
  json += ']';
  return absl::OkStatus();
}

absl::Status AppendValue(const Message& message, std::string& json) {
  const Reflection& reflection = *message.GetReflection();
  const FieldDescriptor* set =
      reflection.GetOneofFieldDescriptor(message, message.GetDescriptor()->oneof_decl(0));
  if (set == nullptr) return absl::InternalError("a google.protobuf.Value has no kind");
  if (set->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return AppendStructJson(reflection.GetMessage(message, set), json);
  }
  if (set->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE &&
      !std::isfinite(reflection.GetDouble(message, set))) {
    return absl::InternalError("a google.protobuf.Value holds a number that is not finite");
  }
  AppendScalarJson(*set, message, /*index=*/-1, json);
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseStructJson(const JsonValue& json, Message& message) {
  if (Is(message, *Struct::descriptor())) return ParseObject(json, message);
  if (Is(message, *ListValue::descriptor())) return ParseArray(json, message);
  return ParseValue(json, message);
}

absl::Status AppendStructJson(const Message& message, std::string& json) {
  if (Is(message, *Struct::descriptor())) return AppendObject(message, json);
  if (Is(message, *ListValue::descriptor())) return AppendArray(message, json);
  return AppendValue(message, json);
}

}  // namespace chorus
