#include "config/yaml_writer.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/names.h"
#include "google/protobuf/descriptor.h"

namespace chorus {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

// What no YAML reader takes for anything but a text.
bool IsPlainText(const std::string& text) {
  if (text.empty() || !absl::ascii_isalpha(text[0])) return false;
  const std::string lower = absl::AsciiStrToLower(text);
  for (const char* word : {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}) {
    if (lower == word) return false;
  }
  return HasNameCharacters(text, "/");
}

class Writer {
 public:
  std::string Write(const Message& message) {
    WriteMessage(message);
    return Finish();
  }

  std::string Write(const nlohmann::ordered_json& json) {
    WriteJson(json);
    return Finish();
  }

 private:
  // yaml-cpp escapes the control characters of texts but this one.
  std::string Finish() const {
    return absl::StrReplaceAll(out_.c_str(), {{"\x7F", "\\x7F"}}) + "\n";
  }

  void WriteJson(const nlohmann::ordered_json& json) {
    if (json.is_object()) {
      out_ << YAML::BeginMap;
      for (const auto& [key, value] : json.items()) {
        out_ << YAML::Key;
        WriteText(key);
        out_ << YAML::Value;
        WriteJson(value);
      }
      out_ << YAML::EndMap;
    } else if (json.is_array()) {
      out_ << YAML::BeginSeq;
      for (const auto& value : json) WriteJson(value);
      out_ << YAML::EndSeq;
    } else if (json.is_string()) {
      WriteText(json.get<std::string>());
    } else if (json.is_null()) {
      out_ << YAML::Null;
    } else {
      out_ << json.dump();  // Numbers and booleans are written alike.
    }
  }

  void WriteMessage(const Message& message) {
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    std::sort(fields.begin(), fields.end(),
              [](const auto* a, const auto* b) { return a->index() < b->index(); });
    out_ << YAML::BeginMap;
    for (const FieldDescriptor* field : fields) {
      out_ << YAML::Key << std::string(field->name()) << YAML::Value;
      WriteField(message, *field);
    }
    out_ << YAML::EndMap;
  }

  void WriteField(const Message& message, const FieldDescriptor& field) {
    if (field.is_map()) return WriteMap(message, field);
    if (!field.is_repeated()) return WriteValue(message, field, -1);
    out_ << YAML::BeginSeq;
    const int size = message.GetReflection()->FieldSize(message, &field);
    for (int i = 0; i < size; ++i) WriteValue(message, field, i);
    out_ << YAML::EndSeq;
  }

  void WriteMap(const Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    std::map<std::string, const Message*> pairs;
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      const Message& pair = reflection.GetRepeatedMessage(message, &field, i);
      pairs[pair.GetReflection()->GetString(pair, field.message_type()->map_key())] = &pair;
    }
    out_ << YAML::BeginMap;
    for (const auto& [key, pair] : pairs) {
      out_ << YAML::Key;
      WriteText(key);
      out_ << YAML::Value;
      WriteValue(*pair, *field.message_type()->map_value(), -1);
    }
    out_ << YAML::EndMap;
  }

  // The value of a field that is not repeated (`index` is -1), or one entry of a repeated one.
  void WriteValue(const Message& message, const FieldDescriptor& field, int index) {
    const Reflection& r = *message.GetReflection();
    const auto get = [&](auto single, auto repeated) {
      return index < 0 ? (r.*single)(message, &field) : (r.*repeated)(message, &field, index);
    };
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return WriteMessage(index < 0 ? r.GetMessage(message, &field)
                                      : r.GetRepeatedMessage(message, &field, index));
      case FieldDescriptor::CPPTYPE_STRING:
        return WriteText(get(&Reflection::GetString, &Reflection::GetRepeatedString));
      case FieldDescriptor::CPPTYPE_ENUM:
        out_ << std::string(get(&Reflection::GetEnum, &Reflection::GetRepeatedEnum)->name());
        return;
      case FieldDescriptor::CPPTYPE_BOOL:
        out_ << get(&Reflection::GetBool, &Reflection::GetRepeatedBool);
        return;
      case FieldDescriptor::CPPTYPE_INT32:
        out_ << get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32);
        return;
      case FieldDescriptor::CPPTYPE_INT64:
        out_ << get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64);
        return;
      case FieldDescriptor::CPPTYPE_UINT32:
        out_ << get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32);
        return;
      case FieldDescriptor::CPPTYPE_UINT64:
        out_ << get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64);
        return;
      case FieldDescriptor::CPPTYPE_FLOAT:
        out_ << absl::StrFormat("%.9g", get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat));
        return;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        out_ << absl::StrFormat("%.17g",
                                get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble));
        return;
    }
  }

  void WriteText(const std::string& text) {
    if (!IsPlainText(text)) out_ << YAML::DoubleQuoted;
    out_ << text;
  }

  YAML::Emitter out_;
};

}  // namespace

std::string FormatYaml(const Message& message) { return Writer().Write(message); }

std::string FormatYaml(const nlohmann::ordered_json& json) { return Writer().Write(json); }

}  // namespace chorus
