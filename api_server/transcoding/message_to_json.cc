#include "api_server/transcoding/message_to_json.h"

#include <optional>

#include "api_server/transcoding/json_writer.h"
#include "api_server/transcoding/scalar_value.h"
#include "api_server/transcoding/well_known_types.h"
#include "base/status_macros.h"

namespace chorus {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

// One value; `index` is -1 for a singular field.
absl::Status AppendValue(const FieldDescriptor& field, const Message& message, int index,
                         std::string& json) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    AppendScalarJson(field, message, index, json);
    return absl::OkStatus();
  }
  const Reflection& reflection = *message.GetReflection();
  return AppendMessageJson(index < 0 ? reflection.GetMessage(message, &field)
                                     : reflection.GetRepeatedMessage(message, &field, index),
                           json);
}

// A map's keys are always strings.
void AppendKey(const FieldDescriptor& key, const Message& entry, std::string& json) {
  std::string text;
  AppendScalarJson(key, entry, /*index=*/-1, text);
  json += text.starts_with('"') ? text : '"' + text + '"';
  json += ':';
}

absl::Status AppendRepeated(const FieldDescriptor& field, const Message& message,
                            std::string& json) {
  const Reflection& reflection = *message.GetReflection();
  const bool is_map = field.is_map();
  json += is_map ? '{' : '[';
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    if (i > 0) json += ',';
    if (!is_map) {
      RETURN_IF_ERROR(AppendValue(field, message, i, json));
      continue;
    }
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    AppendKey(*field.message_type()->map_key(), entry, json);
    RETURN_IF_ERROR(AppendValue(*field.message_type()->map_value(), entry, /*index=*/-1, json));
  }
  json += is_map ? '}' : ']';
  return absl::OkStatus();
}

}  // namespace

absl::Status AppendMessageJson(const Message& message, std::string& json) {
  const Descriptor& descriptor = *message.GetDescriptor();
  if (const std::optional<WellKnownType> type = GetWellKnownType(descriptor)) {
    return AppendWellKnownJson(*type, message, json);
  }
  json += '{';
  bool first = true;
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    if (field.has_presence() && !message.GetReflection()->HasField(message, &field)) continue;
    if (!first) json += ',';
    first = false;
    AppendJsonString(field.name(), json);
    json += ':';
    RETURN_IF_ERROR(AppendFieldJson(field, message, json));
  }
  json += '}';
  return absl::OkStatus();
}

absl::Status AppendFieldJson(const FieldDescriptor& field, const Message& message,
                             std::string& json) {
  if (field.is_repeated()) return AppendRepeated(field, message, json);
  const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (is_message && !message.GetReflection()->HasField(message, &field)) {
    json += "null";
    return absl::OkStatus();
  }
  return AppendValue(field, message, /*index=*/-1, json);
}

}  // namespace chorus
