#include "config/yaml_proto.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"

namespace chorus {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::Duration;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

constexpr size_t kMaxErrors = 20;
// google.protobuf.Duration's range: about 10,000 years.
constexpr int64_t kMaxDurationSeconds = 315'576'000'000;

std::string Quoted(const std::string& text) { return absl::StrCat("\"", text, "\""); }

// What stands at a place in the file, for messages.
std::string Describe(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Map:
      return "a mapping";
    case YAML::NodeType::Sequence:
      return "a sequence";
    case YAML::NodeType::Scalar:
      return Quoted(node.Scalar());
    default:
      return "nothing";
  }
}

// Plain, as opposed to quoted.
bool IsPlain(const YAML::Node& node) { return node.Tag() == "?"; }

template <typename T>
std::optional<T> ParseNumber(const YAML::Node& node) {
  if (!node.IsScalar() || !IsPlain(node)) return std::nullopt;
  const std::string& text = node.Scalar();
  T value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(value)) return std::nullopt;
  }
  return value;
}

class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  void ReadMessage(const YAML::Node& node, const std::string& path, Message& message) {
    if (message.GetDescriptor() == Duration::descriptor()) return ReadDuration(node, path, message);
    if (!node.IsMap()) return Error(node, path, "must be a mapping of fields: ", Describe(node));
    std::map<std::string, int> lines;                      // Of the keys seen.
    std::map<std::string, std::string> members_of_oneofs;  // Oneof to the field that is set.
    for (const auto& entry : node) {
      const YAML::Node& key = entry.first;
      if (!key.IsScalar()) {
        Error(key, path, "a key must be the name of a field: ", Describe(key));
        continue;
      }
      const std::string& name = key.Scalar();
      const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
      if (field == nullptr) {
        Error(key, path, "there is no field ", Quoted(name), "; there is ",
              FieldNames(*message.GetDescriptor()));
        continue;
      }
      const std::string field_path = path.empty() ? name : absl::StrCat(path, ".", name);
      if (const auto [first, added] = lines.emplace(name, key.Mark().line + 1); !added) {
        Error(key, field_path, "is given twice, first on line ", first->second);
        continue;
      }
      if (const auto* oneof = field->real_containing_oneof(); oneof != nullptr) {
        if (const auto [member, added] = members_of_oneofs.emplace(oneof->name(), name); !added) {
          Error(key, field_path, "only one of these can be set: ", member->second, ", ", name);
          continue;
        }
      }
      if (entry.second.IsNull()) {  // At the key: what is not there has no place.
        Error(key, field_path, "has no value");
        continue;
      }
      ReadField(entry.second, field_path, *field, message);
    }
  }

  // "f.yaml:7:5" by "models[1]", of every value.
  std::map<std::string, std::string> TakePlaces() { return std::move(places_); }

  absl::Status status() const {
    if (errors_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
  }

  template <typename... Parts>
  void ErrorAt(const YAML::Mark& mark, const Parts&... parts) {
    if (errors_.size() > kMaxErrors) return;
    if (errors_.size() == kMaxErrors) {
      errors_.push_back("and there is more");
      return;
    }
    errors_.push_back(absl::StrCat(Place(mark), ": ", parts...));
  }

 private:
  std::string Place(const YAML::Mark& mark) const {
    if (mark.is_null()) return file_;
    return absl::StrCat(file_, ":", mark.line + 1, ":", mark.column + 1);
  }

  template <typename... Parts>
  void Error(const YAML::Node& node, const std::string& path, const Parts&... parts) {
    ErrorAt(node.Mark(), path, path.empty() ? "" : ": ", parts...);
  }

  static std::string FieldNames(const Descriptor& descriptor) {
    std::vector<std::string> names;
    for (int i = 0; i < descriptor.field_count(); ++i) {
      names.emplace_back(descriptor.field(i)->name());
    }
    return absl::StrJoin(names, ", ");
  }

  void ReadField(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                 Message& message) {
    if (field.is_map()) return ReadMap(node, path, field, message);
    if (!field.is_repeated()) return ReadValue(node, path, field, message);
    if (!node.IsSequence()) return Error(node, path, "must be a sequence: ", Describe(node));
    places_[path] = Place(node.Mark());
    for (size_t i = 0; i < node.size(); ++i) {
      ReadValue(node[i], absl::StrCat(path, "[", i, "]"), field, message);
    }
  }

  void ReadMap(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
               Message& message) {
    const FieldDescriptor& key_field = *field.message_type()->map_key();
    const FieldDescriptor& value_field = *field.message_type()->map_value();
    if (key_field.type() != FieldDescriptor::TYPE_STRING) {
      return Error(node, path, "maps whose keys are no strings are not supported in YAML");
    }
    if (!node.IsMap()) return Error(node, path, "must be a mapping: ", Describe(node));
    places_[path] = Place(node.Mark());
    std::map<std::string, int> lines;  // Of the keys seen.
    for (const auto& entry : node) {
      const YAML::Node& key = entry.first;
      if (!key.IsScalar()) {
        Error(key, path, "a key must be a text: ", Describe(key));
        continue;
      }
      const std::string value_path = absl::StrCat(path, ".", key.Scalar());
      if (const auto [first, added] = lines.emplace(key.Scalar(), key.Mark().line + 1); !added) {
        Error(key, value_path, "is given twice, first on line ", first->second);
        continue;
      }
      if (entry.second.IsNull()) {
        Error(key, value_path, "has no value");
        continue;
      }
      Message& pair = *message.GetReflection()->AddMessage(&message, &field);
      pair.GetReflection()->SetString(&pair, &key_field, key.Scalar());
      ReadValue(entry.second, value_path, value_field, pair);
    }
  }

  void ReadValue(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                 Message& message) {
    places_[path] = Place(node.Mark());
    if (node.IsNull()) return Error(node, path, "has no value");
    const std::string tag = node.Tag();
    if (tag != "?" && tag != "!" && !tag.empty()) {
      return Error(node, path, "tags are not supported: ", tag);
    }
    const Reflection& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return ReadMessage(node, path,
                           field.is_repeated() ? *reflection.AddMessage(&message, &field)
                                               : *reflection.MutableMessage(&message, &field));
      case FieldDescriptor::CPPTYPE_STRING:
        return ReadString(node, path, field, message);
      case FieldDescriptor::CPPTYPE_ENUM:
        return ReadEnum(node, path, field, message);
      case FieldDescriptor::CPPTYPE_BOOL:
        return ReadBool(node, path, field, message);
      case FieldDescriptor::CPPTYPE_INT32:
        return ReadNumber<int32_t>(node, path, field, message, &Reflection::SetInt32,
                                   &Reflection::AddInt32);
      case FieldDescriptor::CPPTYPE_INT64:
        return ReadNumber<int64_t>(node, path, field, message, &Reflection::SetInt64,
                                   &Reflection::AddInt64);
      case FieldDescriptor::CPPTYPE_UINT32:
        return ReadNumber<uint32_t>(node, path, field, message, &Reflection::SetUInt32,
                                    &Reflection::AddUInt32);
      case FieldDescriptor::CPPTYPE_UINT64:
        return ReadNumber<uint64_t>(node, path, field, message, &Reflection::SetUInt64,
                                    &Reflection::AddUInt64);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return ReadNumber<float>(node, path, field, message, &Reflection::SetFloat,
                                 &Reflection::AddFloat);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return ReadNumber<double>(node, path, field, message, &Reflection::SetDouble,
                                  &Reflection::AddDouble);
    }
  }

  template <typename T>
  using Setter = void (Reflection::*)(Message*, const FieldDescriptor*, T) const;

  template <typename T>
  static void Put(T value, const FieldDescriptor& field, Message& message, Setter<T> set,
                  Setter<T> add) {
    (message.GetReflection()->*(field.is_repeated() ? add : set))(&message, &field, value);
  }

  template <typename T>
  void ReadNumber(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                  Message& message, Setter<T> set, Setter<T> add) {
    if (const auto value = ParseNumber<T>(node)) return Put(*value, field, message, set, add);
    if constexpr (std::is_floating_point_v<T>) {
      Error(node, path, "must be a finite number: ", Describe(node));
    } else {
      Error(node, path, "must be an integer from ", std::numeric_limits<T>::min(), " to ",
            std::numeric_limits<T>::max(), ": ", Describe(node));
    }
  }

  void ReadBool(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                Message& message) {
    const bool yes = node.IsScalar() && node.Scalar() == "true";
    const bool no = node.IsScalar() && node.Scalar() == "false";
    if (!IsPlain(node) || !(yes || no)) {
      return Error(node, path, "must be true or false: ", Describe(node));
    }
    Put(yes, field, message, &Reflection::SetBool, &Reflection::AddBool);
  }

  void ReadString(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                  Message& message) {
    if (field.type() == FieldDescriptor::TYPE_BYTES) {
      return Error(node, path, "bytes fields are not supported in YAML");
    }
    if (!node.IsScalar()) return Error(node, path, "must be a text: ", Describe(node));
    const Reflection& reflection = *message.GetReflection();
    field.is_repeated() ? reflection.AddString(&message, &field, node.Scalar())
                        : reflection.SetString(&message, &field, node.Scalar());
  }

  void ReadEnum(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                Message& message) {
    const auto& type = *field.enum_type();
    const auto* value = node.IsScalar() ? type.FindValueByName(node.Scalar()) : nullptr;
    if (value == nullptr) {
      std::vector<std::string> names;
      for (int i = 0; i < type.value_count(); ++i) names.emplace_back(type.value(i)->name());
      return Error(node, path, "must be one of ", absl::StrJoin(names, ", "), ": ", Describe(node));
    }
    Put(value->number(), field, message, &Reflection::SetEnumValue, &Reflection::AddEnumValue);
  }

  void ReadDuration(const YAML::Node& node, const std::string& path, Message& message) {
    absl::Duration duration;
    if (!node.IsScalar() || !absl::ParseDuration(node.Scalar(), &duration) ||
        absl::AbsDuration(duration) > absl::Seconds(kMaxDurationSeconds)) {
      return Error(node, path,
                   "must be a duration with a unit, such as 30s or 250ms: ", Describe(node));
    }
    const Reflection& reflection = *message.GetReflection();
    const Descriptor& type = *message.GetDescriptor();
    // Both parts are cut towards zero, so they have the same sign, as Duration wants it.
    const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &duration);
    reflection.SetInt64(&message, type.FindFieldByNumber(Duration::kSecondsFieldNumber), seconds);
    reflection.SetInt32(&message, type.FindFieldByNumber(Duration::kNanosFieldNumber),
                        static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  }

  const std::string file_;
  std::map<std::string, std::string> places_;
  std::vector<std::string> errors_;
};

// Where the documents of a text begin; the rest goes by.
class DocumentStarts final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { marks.push_back(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  std::vector<YAML::Mark> marks;
};

// Not YAML::LoadAll(): of a text such as ",a: b" that reads documents without end.
std::optional<YAML::Mark> FindSecondDocument(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStarts starts;
  while (starts.marks.size() < 2 && parser.HandleNextDocument(starts)) {
  }
  if (starts.marks.size() < 2) return std::nullopt;
  return starts.marks[1];
}

}  // namespace

absl::Status YamlPlaces::Error(const std::string& path, std::string_view what) const {
  const auto it = places_.find(path);
  return absl::InvalidArgumentError(
      absl::StrCat(it == places_.end() ? file_ : it->second, ": ", path, ": ", AbslView(what)));
}

absl::Status ParseYaml(std::string_view yaml, std::string_view file, Message& message,
                       YamlPlaces* places) {
  Reader reader(file);
  try {
    const std::string text(yaml);
    if (const std::optional<YAML::Mark> second = FindSecondDocument(text)) {
      reader.ErrorAt(*second, "a second document begins here; there can be one only");
    } else if (const YAML::Node document = YAML::Load(text); document.IsNull()) {
      reader.ErrorAt(YAML::Mark::null_mark(), "is empty");
    } else {
      reader.ReadMessage(document, "", message);
    }
  } catch (const YAML::Exception& error) {
    reader.ErrorAt(error.mark, "is not YAML: ", error.msg);
  }
  if (places != nullptr) {
    places->file_ = file;
    places->places_ = reader.TakePlaces();
  }
  return reader.status();
}

}  // namespace chorus
