#include "api_server/transcoding/json_to_message.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api_server/transcoding/scalar_value.h"
#include "base/error_details.h"
#include "base/json_reader.h"
#include "base/near_name.h"
#include "base/quote.h"
#include "base/string_view.h"

namespace chorus::gateway {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

constexpr JsonRules kRules = {.max_depth = 100, .equal_keys = false};

absl::Status InvalidJson(const absl::Status& status) {
  return absl::InvalidArgumentError(absl::StrCat("invalid JSON at ", status.message()));
}

class MessageMaker final : public JsonReader {
 public:
  // Of the whole message, or with `field` of that field of it.
  MessageMaker(Message& message, const FieldDescriptor* field, const std::vector<FieldPath>& given)
      : JsonReader(kRules), message_(message), given_(given) {
    if (field != nullptr) open_.push_back({.message = &message, .field = field});
  }

  absl::Status Make(std::string_view json) {
    const absl::Status status = Read(json);
    if (!refusal_.ok()) return refusal_;
    return status.ok() ? status : InvalidJson(status);
  }

  bool null() override {
    const bool is_member = !open_.empty() && !open_.back().is_array;
    return is_member || (Enter(Shape::kScalar, "null") && RefuseKind("null"));
  }
  bool boolean(bool value) override {
    const char* text = value ? "true" : "false";
    if (!Enter(Shape::kScalar, text)) return false;
    return field().cpp_type() == FieldDescriptor::CPPTYPE_BOOL ? Store(value) : RefuseKind(text);
  }
  bool number_integer(int64_t value) override { return Number(absl::StrCat(value)); }
  bool number_unsigned(uint64_t value) override { return Number(absl::StrCat(value)); }
  bool number_float(double, const std::string& literal) override { return Number(literal); }
  bool string(std::string& value) override {
    if (!Enter(Shape::kScalar, QuoteForMessage(value))) return false;
    if (field().type() == FieldDescriptor::TYPE_STRING) return Store(std::move(value));
    if (field().cpp_type() != FieldDescriptor::CPPTYPE_BOOL) {
      return Store(ParseScalarText(field(), value));
    }
    return RefuseKind(QuoteForMessage(value));  // "true" in quotes is not a truth value.
  }

  bool start_object(size_t size) override {
    if (!JsonReader::start_object(size) || !Enter(Shape::kObject, "an object")) return false;
    Message* child = &message_;
    if (!open_.empty()) {
      Message& parent = *open_.back().message;
      const Reflection& reflection = *parent.GetReflection();
      child = field().is_repeated() ? reflection.AddMessage(&parent, &field())
                                    : reflection.MutableMessage(&parent, &field());
    }
    open_.push_back({.message = child});
    return true;
  }

  bool key(std::string& name) override {
    if (!JsonReader::key(name)) return false;
    Open& object = open_.back();
    object.field = nullptr;
    const Descriptor& type = *object.message->GetDescriptor();
    const FieldDescriptor* found = FindField(type, name);
    if (found == nullptr) return RefuseName(name, type);
    if (!object.seen.insert(found).second) {
      return Refuse(absl::StrCat("has the field ", found->name(), " twice, as ", found->name(),
                                 " and as ", found->json_name()));
    }
    if (IsGiven(*found)) {
      const std::string place = PlaceOf(found->name());
      refusal_ = WithField(absl::InvalidArgumentError(absl::StrCat(
                               "the body must not have the field ", place, ": the path gives it")),
                           place);
      return false;
    }
    object.field = found;
    return true;
  }

  bool start_array(size_t size) override {
    if (!JsonReader::start_array(size) || !Enter(Shape::kArray, "an array")) return false;
    open_.push_back({.message = open_.back().message, .field = &field(), .is_array = true});
    return true;
  }

  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

 private:
  enum class Shape { kScalar, kObject, kArray };

  // An object or an array that has begun.
  struct Open {
    Message* message;                        // The object's; that which has the array.
    const FieldDescriptor* field = nullptr;  // Of the present member; of the array.
    bool is_array = false;
    int index = -1;                                         // Of the array's present element.
    absl::flat_hash_set<const FieldDescriptor*> seen = {};  // Of the object.
  };

  // That the next value is of.
  const FieldDescriptor& field() const { return *open_.back().field; }

  // A value begins, which messages call `shown`. Refuses one that is not of the field's shape.
  bool Enter(Shape shape, std::string_view shown) {
    if (open_.empty()) return shape == Shape::kObject || RefuseObject(shown);
    if (open_.back().is_array) {
      ++open_.back().index;
    } else if (const auto status = CheckAlternatives(field(), *open_.back().message);
               !status.ok()) {
      return Refuse(StdView(status.message()));
    }
    if (field().is_repeated() && !open_.back().is_array) {
      return shape == Shape::kArray ||
             Refuse(
                 absl::StrCat("must be an array: ", AbslView(shown),
                              shape == Shape::kScalar ? "; write one entry in brackets too" : ""));
    }
    if (field().cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return shape == Shape::kObject || RefuseObject(shown);
    }
    return shape == Shape::kScalar || RefuseKind(shown);
  }

  bool Close() {
    open_.pop_back();
    return JsonReader::end_object();
  }

  bool Number(const std::string& literal) {
    return Enter(Shape::kScalar, literal.substr(0, 64)) &&
           Store(ParseScalarNumber(field(), literal));
  }

  bool Store(absl::StatusOr<ScalarValue> value) {
    if (!value.ok()) return Refuse(StdView(value.status().message()));
    StoreScalar(field(), *std::move(value), *open_.back().message);
    return true;
  }

  // Whether the path gives that field of the innermost object.
  bool IsGiven(const FieldDescriptor& member) const {
    return std::any_of(given_.begin(), given_.end(), [&](const FieldPath& path) {
      return path.back() == &member && FieldPathName(path) == PlaceOf(member.name());
    });
  }

  bool RefuseName(std::string_view name, const Descriptor& type) {
    const std::string place = Place();
    std::vector<std::string> names;
    for (int i = 0; i < type.field_count(); ++i) {
      if (!IsGiven(*type.field(i))) names.push_back(type.field(i)->name());
    }
    const std::string near = NearName(name, names);
    refusal_ = WithField(
        absl::InvalidArgumentError(absl::StrCat(
            "unknown field ", QuoteForMessage(name), " in ", place.empty() ? "the body" : place,
            near.empty() ? "" : absl::StrCat(" (did you mean ", near, "?)"), ", which takes ",
            names.empty() ? "none" : absl::StrJoin(names, ", "))),
        PlaceOf(name));
    return false;
  }
  bool RefuseObject(std::string_view shown) {
    return Refuse(absl::StrCat("must be a JSON object: ", AbslView(shown)));
  }
  bool RefuseKind(std::string_view shown) {
    return Refuse(StdView(WrongKind(field(), shown).message()));
  }
  bool Refuse(std::string_view what) {
    const std::string place = Place();
    refusal_ = absl::InvalidArgumentError(
        absl::StrCat(place.empty() ? "the body" : place, " ", AbslView(what)));
    if (!place.empty()) refusal_ = WithField(refusal_, place);
    return false;
  }

  // Where the present value is: "inners[1].name"; empty for the whole.
  std::string Place() const {
    std::string place;
    for (const Open& open : open_) {
      if (open.is_array) {
        absl::StrAppend(&place, "[", open.index, "]");
      } else if (open.field != nullptr) {
        absl::StrAppend(&place, place.empty() ? "" : ".", open.field->name());
      }
    }
    return place;
  }

  std::string PlaceOf(std::string_view member) const {
    const std::string place = Place();
    return absl::StrCat(place, place.empty() ? "" : ".", AbslView(member));
  }

  Message& message_;
  const std::vector<FieldPath>& given_;
  std::vector<Open> open_;  // From the whole down to where the next value belongs.
  absl::Status refusal_;    // What the message does not take.
};

}  // namespace

absl::Status CheckJson(std::string_view json) {
  const absl::Status status = JsonReader(kRules).Read(json);
  return status.ok() ? status : InvalidJson(status);
}

absl::Status JsonToMessage(std::string_view json, Message& message,
                           const std::vector<FieldPath>& given) {
  return MessageMaker(message, nullptr, given).Make(json);
}

absl::Status JsonToField(std::string_view json, const FieldDescriptor& field, Message& message,
                         const std::vector<FieldPath>& given) {
  return MessageMaker(message, &field, given).Make(json);
}

}  // namespace chorus::gateway
