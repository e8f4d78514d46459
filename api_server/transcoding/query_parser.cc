#include "api_server/transcoding/query_parser.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "api_server/transcoding/field_path.h"
#include "api_server/transcoding/percent_encoding.h"
#include "api_server/transcoding/quote.h"
#include "api_server/transcoding/scalar_value.h"
#include "api_server/transcoding/well_known_types.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

enum class Shape { kScalar, kTextualMessage, kOtherMessage };

// What a parameter of the field would be; maps and repeated messages are kOtherMessage.
Shape GetShape(const FieldDescriptor& field) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return Shape::kScalar;
  const std::optional<WellKnownType> type = GetWellKnownType(*field.message_type());
  return type.has_value() && IsTextual(*type) && !field.is_repeated() ? Shape::kTextualMessage
                                                                      : Shape::kOtherMessage;
}

bool IsPathVariable(const FieldPath& path, const HttpBinding& binding) {
  return std::find(binding.variables.begin(), binding.variables.end(), path) !=
         binding.variables.end();
}

// Collects the leaves below one message.
class Leaves {
 public:
  explicit Leaves(const HttpBinding& binding) : binding_(binding) {}

  void Add(const Descriptor& message) {
    if (std::find(above_.begin(), above_.end(), &message) != above_.end()) return;
    above_.push_back(&message);
    for (int i = 0; i < message.field_count(); ++i) {
      const FieldDescriptor& field = *message.field(i);
      if (&field == binding_.body_field) continue;
      path_.push_back(&field);
      if (GetShape(field) != Shape::kOtherMessage) {
        if (!IsPathVariable(path_, binding_)) names_.push_back(FieldPathName(path_));
      } else if (!field.is_repeated() && !GetWellKnownType(*field.message_type()).has_value()) {
        Add(*field.message_type());
      }
      path_.pop_back();
    }
    above_.pop_back();
  }

  std::vector<std::string> names() && { return std::move(names_); }

 private:
  const HttpBinding& binding_;
  std::vector<const Descriptor*> above_;
  FieldPath path_;
  std::vector<std::string> names_;
};

absl::StatusOr<std::string> DecodeComponent(std::string_view text) {
  auto decoded = DecodeFormComponent(text);
  if (decoded.ok()) return decoded;
  return absl::InvalidArgumentError(
      absl::StrCat("the query string is malformed: ", decoded.status().message()));
}

absl::Status Unknown(std::string_view name, const HttpBinding& binding) {
  const std::vector<std::string> known = GetQueryParameters(binding);
  return absl::InvalidArgumentError(
      absl::StrCat("unknown query parameter ", QuoteForMessage(name), ": ", binding.name(),
                   " takes ", known.empty() ? "none" : absl::StrJoin(known, ", ")));
}

// The field that the parameter sets.
absl::StatusOr<FieldPath> FindParameter(std::string_view name, const HttpBinding& binding) {
  FieldPath path = ResolveFieldPath(*binding.method->input_type(), name);
  if (path.empty()) return Unknown(name, binding);
  const std::string field = FieldPathName(path);
  if (path.front() == binding.body_field) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the query parameter ", field, " is not allowed: the body gives ", path.front()->name()));
  }
  if (IsPathVariable(path, binding)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the query parameter ", field, " is not allowed: the path gives it"));
  }
  if (GetShape(*path.back()) == Shape::kOtherMessage) {
    return absl::InvalidArgumentError(
        absl::StrCat("the query parameter ", field,
                     " is not allowed: the field is a message, whose fields are named one by one"));
  }
  return path;
}

absl::Status SetParameter(const FieldPath& path, std::string_view value, Message& message) {
  Message* parent = nullptr;
  RETURN_IF_ERROR(MutableParent(path, message, &parent));
  const FieldDescriptor& field = *path.back();
  if (GetShape(field) == Shape::kTextualMessage) {
    Message& child = *parent->GetReflection()->MutableMessage(parent, &field);
    return ParseWellKnownText(*GetWellKnownType(*field.message_type()), value, child);
  }
  ASSIGN_OR_RETURN(ScalarValue scalar, ParseScalarText(field, value));
  StoreScalar(field, std::move(scalar), *parent);
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseQuery(std::string_view query, const HttpBinding& binding, Message& message) {
  absl::flat_hash_set<std::string> seen;
  for (const absl::string_view pair : absl::StrSplit(AbslView(query), '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    ASSIGN_OR_RETURN(const std::string name, DecodeComponent(StdView(parts.first)));
    ASSIGN_OR_RETURN(const std::string value, DecodeComponent(StdView(parts.second)));
    if (binding.body == HttpBinding::Body::kWhole) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown query parameter ", QuoteForMessage(name), ": ", binding.name(),
                       " takes none, its fields are members of the JSON body"));
    }
    ASSIGN_OR_RETURN(const FieldPath path, FindParameter(name, binding));
    const std::string field = FieldPathName(path);
    if (!seen.insert(field).second && !path.back()->is_repeated()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the query parameter ", field, " must be given once"));
    }
    if (const absl::Status status = SetParameter(path, value, message); !status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("query parameter ", field, " ", status.message()));
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> GetQueryParameters(const HttpBinding& binding) {
  if (binding.body == HttpBinding::Body::kWhole) return {};
  Leaves leaves(binding);
  leaves.Add(*binding.method->input_type());
  return std::move(leaves).names();
}

}  // namespace chorus
