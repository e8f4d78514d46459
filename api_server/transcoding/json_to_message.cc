#include "api_server/transcoding/json_to_message.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api_server/transcoding/quote.h"
#include "api_server/transcoding/scalar_value.h"
#include "api_server/transcoding/well_known_types.h"
#include "base/near_name.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

// Walks the JSON and the message side by side; `place_` says where for the messages. JSON nests to
// a bounded depth, and so does this.
class Walk {
 public:
  explicit Walk(std::string_view what, const std::vector<FieldPath>& given = {})
      : what_(what), given_(given) {}

  absl::Status Object(const JsonValue& json, Message& message) {
    if (json.kind() != JsonValue::Kind::kObject) {
      return Error(absl::StrCat("must be a JSON object: ", DescribeJson(json)));
    }
    absl::flat_hash_set<const FieldDescriptor*> seen;
    const JsonValue::Range members = json.children();
    for (auto it = members.begin(); it != members.end(); ++it) {
      const std::string name = (*it).string();
      ++it;
      const FieldDescriptor* field = FindField(*message.GetDescriptor(), name);
      if (field == nullptr) return UnknownField(name, *message.GetDescriptor());
      if (!seen.insert(field).second) {
        return Error(absl::StrCat("has the field ", field->name(), " twice, as ", field->name(),
                                  " and as ", field->json_name()));
      }
      RETURN_IF_ERROR(Field(*it, *field, message));
    }
    return absl::OkStatus();
  }

  absl::Status Field(const JsonValue& json, const FieldDescriptor& field, Message& message) {
    if (json.kind() == JsonValue::Kind::kNull && !TakesNull(field)) return absl::OkStatus();
    const Inside inside(*this, absl::StrCat(place_.empty() ? "" : ".", field.name()));
    if (const absl::Status status = CheckAlternatives(field, message); !status.ok()) {
      return Error(StdView(status.message()));
    }
    if (field.is_map()) return Map(json, field, message);
    if (field.is_repeated()) return Array(json, field, message);
    return Single(json, field, message);
  }

 private:
  // The place of something inside the present one, while it lives.
  class Inside {
   public:
    Inside(Walk& walk, const std::string& step) : walk_(walk), outside_(walk.place_.size()) {
      walk_.place_ += step;
    }
    ~Inside() { walk_.place_.resize(outside_); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    Walk& walk_;
    const size_t outside_;
  };

  static bool TakesNull(const FieldDescriptor& field) {
    if (field.is_repeated()) return false;
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return false;
    return GetWellKnownType(*field.message_type()) == WellKnownType::kValue;
  }

  // One value; of a repeated field, one more element.
  absl::Status Single(const JsonValue& json, const FieldDescriptor& field, Message& message) {
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      auto value = ParseScalarJson(field, json);
      if (!value.ok()) return Error(StdView(value.status().message()));
      StoreScalar(field, *std::move(value), message);
      return absl::OkStatus();
    }
    const Reflection& reflection = *message.GetReflection();
    Message& child = field.is_repeated() ? *reflection.AddMessage(&message, &field)
                                         : *reflection.MutableMessage(&message, &field);
    const std::optional<WellKnownType> type = GetWellKnownType(*child.GetDescriptor());
    if (!type.has_value()) return Object(json, child);
    const absl::Status status = ParseWellKnownJson(*type, json, child);
    return status.ok() ? status : Error(StdView(status.message()));
  }

  absl::Status Array(const JsonValue& json, const FieldDescriptor& field, Message& message) {
    if (json.kind() != JsonValue::Kind::kArray) {
      const bool may_be_entry = json.kind() != JsonValue::Kind::kObject;
      return Error(absl::StrCat("must be an array: ", DescribeJson(json),
                                may_be_entry ? "; write one entry in brackets too" : ""));
    }
    int index = 0;
    for (const JsonValue element : json.children()) {
      const Inside inside(*this, absl::StrCat("[", index++, "]"));
      RETURN_IF_ERROR(Single(element, field, message));
    }
    return absl::OkStatus();
  }

  absl::Status Map(const JsonValue& json, const FieldDescriptor& field, Message& message) {
    if (json.kind() != JsonValue::Kind::kObject) {
      return Error(absl::StrCat("must be a JSON object: ", DescribeJson(json)));
    }
    const FieldDescriptor& key_field = *field.message_type()->map_key();
    const FieldDescriptor& value_field = *field.message_type()->map_value();
    const JsonValue::Range members = json.children();
    for (auto it = members.begin(); it != members.end(); ++it) {
      const std::string name = (*it).string();
      ++it;
      const Inside inside(*this, absl::StrCat("[", QuoteForMessage(name), "]"));
      auto key = ParseScalarText(key_field, name);
      if (!key.ok()) return Error(absl::StrCat("has a bad key: it ", key.status().message()));
      Message* entry = message.GetReflection()->AddMessage(&message, &field);
      StoreScalar(key_field, *std::move(key), *entry);
      RETURN_IF_ERROR(Single(*it, value_field, *entry));
    }
    return absl::OkStatus();
  }

  absl::Status UnknownField(std::string_view name, const google::protobuf::Descriptor& type) const {
    std::vector<std::string> names;
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldPath path = {type.field(i)};
      if (!place_.empty() || std::find(given_.begin(), given_.end(), path) == given_.end()) {
        names.push_back(type.field(i)->name());
      }
    }
    const std::string near = NearName(name, names);
    return absl::InvalidArgumentError(absl::StrCat(
        "unknown field ", QuoteForMessage(name), " in ", place_.empty() ? what_ : place_,
        near.empty() ? "" : absl::StrCat(" (did you mean ", near, "?)"), ", which takes ",
        names.empty() ? "none" : absl::StrJoin(names, ", ")));
  }

  absl::Status Error(std::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(place_.empty() ? what_ : place_, " ", AbslView(what)));
  }

  const std::string what_;
  const std::vector<FieldPath> given_;  // Of the outermost message.
  std::string place_;
};

}  // namespace

absl::Status JsonToMessage(const JsonValue& json, std::string_view what, Message& message,
                           const std::vector<FieldPath>& given) {
  return Walk(what, given).Object(json, message);
}

absl::Status JsonToField(const JsonValue& json, const FieldDescriptor& field, Message& message) {
  return Walk(field.name()).Field(json, field, message);
}

}  // namespace chorus
