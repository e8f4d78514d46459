#include "api_server/transcoding/field_path.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "api_server/transcoding/scalar_value.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus::gateway {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

// Bounds the messages that one short query parameter can make.
constexpr size_t kMaxFieldPathNames = 32;

}  // namespace

const FieldDescriptor* FindField(const Descriptor& message, std::string_view name) {
  const std::string key(name);
  if (const FieldDescriptor* field = message.FindFieldByName(key)) return field;
  for (int i = 0; i < message.field_count(); ++i) {
    if (message.field(i)->json_name() == key) return message.field(i);
  }
  return nullptr;
}

FieldPath ResolveFieldPath(const Descriptor& message, std::string_view dotted) {
  FieldPath path;
  const Descriptor* descriptor = &message;
  for (const absl::string_view name : absl::StrSplit(AbslView(dotted), '.')) {
    if (descriptor == nullptr || path.size() == kMaxFieldPathNames) return {};
    const FieldDescriptor* field = FindField(*descriptor, StdView(name));
    if (field == nullptr) return {};
    path.push_back(field);
    const bool has_fields =
        field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_repeated();
    descriptor = has_fields ? field->message_type() : nullptr;
  }
  return path;
}

std::string FieldPathName(const FieldPath& path) {
  return absl::StrJoin(path, ".", [](std::string* out, const FieldDescriptor* field) {
    out->append(field->name());
  });
}

absl::Status SetField(const FieldPath& path, std::string_view text, Message& root) {
  Message* message = &root;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    RETURN_IF_ERROR(CheckAlternatives(*path[i], *message));
    message = message->GetReflection()->MutableMessage(message, path[i]);
  }
  RETURN_IF_ERROR(CheckAlternatives(*path.back(), *message));
  ASSIGN_OR_RETURN(ScalarValue value, ParseScalarText(*path.back(), text));
  StoreScalar(*path.back(), std::move(value), *message);
  return absl::OkStatus();
}

absl::Status CheckAlternatives(const FieldDescriptor& field, const Message& message) {
  const google::protobuf::OneofDescriptor* oneof = field.real_containing_oneof();
  if (oneof == nullptr) return absl::OkStatus();
  const FieldDescriptor* set = message.GetReflection()->GetOneofFieldDescriptor(message, oneof);
  if (set == nullptr || set == &field) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("and ", set->name(), " are alternatives: give one of them"));
}

}  // namespace chorus::gateway
