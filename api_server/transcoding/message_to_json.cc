#include "api_server/transcoding/message_to_json.h"

#include <google/protobuf/util/json_util.h>

#include "api_server/transcoding/json_writer.h"
#include "api_server/transcoding/scalar_value.h"

namespace chorus::gateway {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

// One value; `index` is -1 for a singular field.
void AppendValue(const FieldDescriptor& field, const Message& message, int index,
                 std::string& json) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    AppendScalarJson(field, message, index, json);
    return;
  }
  const Reflection& reflection = *message.GetReflection();
  AppendMessageJson(index < 0 ? reflection.GetMessage(message, &field)
                              : reflection.GetRepeatedMessage(message, &field, index),
                    json);
}

}  // namespace

bool AppendDetailJson(const google::protobuf::Any& detail, std::string& json) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(detail, &text, options).ok()) return false;
  json += text;
  return true;
}

void AppendMessageJson(const Message& message, std::string& json) {
  const Descriptor& descriptor = *message.GetDescriptor();
  if (descriptor.well_known_type() == Descriptor::WELLKNOWNTYPE_ANY) {
    const auto* detail = google::protobuf::DynamicCastToGenerated<google::protobuf::Any>(&message);
    if (detail == nullptr || !AppendDetailJson(*detail, json)) json += "{}";
    return;
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
    AppendFieldJson(field, message, json);
  }
  json += '}';
}

void AppendFieldJson(const FieldDescriptor& field, const Message& message, std::string& json) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    json += '[';
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      if (i > 0) json += ',';
      AppendValue(field, message, i, json);
    }
    json += ']';
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
             !reflection.HasField(message, &field)) {
    json += "null";
  } else {
    AppendValue(field, message, /*index=*/-1, json);
  }
}

}  // namespace chorus::gateway
