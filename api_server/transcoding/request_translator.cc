#include "api_server/transcoding/request_translator.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "api_server/transcoding/content_type.h"
#include "api_server/transcoding/http_status.h"
#include "api_server/transcoding/json_parser.h"
#include "api_server/transcoding/json_to_message.h"
#include "api_server/transcoding/query_parser.h"
#include "api_server/transcoding/quote.h"
#include "api_server/transcoding/scalar_value.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "base/utf8.h"

namespace chorus {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kText = "text/plain";
constexpr std::string_view kForm = "application/x-www-form-urlencoded";
constexpr std::string_view kUntyped;  // No header.
constexpr std::string_view kOctets = "application/octet-stream";

absl::Status UnsupportedContentType(std::string_view what) {
  return WithHttpStatus(
      absl::InvalidArgumentError(absl::StrCat("unsupported content type: ", AbslView(what))), 415);
}

// The media type that the body is read as, one of `supported`; kUntyped without a header.
absl::StatusOr<std::string_view> ChooseMediaType(std::string_view header,
                                                 absl::Span<const std::string_view> supported,
                                                 const HttpBinding& binding) {
  const auto type = ContentType::Parse(header);
  if (!type.ok()) return UnsupportedContentType(StdView(type.status().message()));
  if (!type->is_utf8()) {
    return UnsupportedContentType(
        absl::StrCat("the charset must be utf-8: ", QuoteForMessage(type->charset)));
  }
  if (type->media_type.empty()) return kUntyped;
  for (const std::string_view candidate : supported) {
    if (type->media_type == candidate) return candidate;
  }
  const auto append = [](std::string* out, std::string_view name) { out->append(name); };
  const std::string hint =
      type->media_type.starts_with("multipart/")
          ? "a multipart body is not read (curl: -d in the place of -F)"
          : absl::StrCat("send the header Content-Type: ", AbslView(supported.front()));
  return UnsupportedContentType(absl::StrCat(binding.name(), " takes ",
                                             absl::StrJoin(supported, ", ", append), ": ",
                                             QuoteForMessage(type->media_type), "; ", hint));
}

std::string_view WithoutByteOrderMark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  return text.substr(text.starts_with(kMark) ? kMark.size() : 0);
}

// Whether the object has a member for the field at `path`, counted from the object's own message.
bool NamesField(const JsonValue& json, absl::Span<const FieldDescriptor* const> path) {
  if (json.kind() != JsonValue::Kind::kObject) return false;
  for (const std::string_view name : {path.front()->name(), path.front()->json_name()}) {
    const std::optional<JsonValue> member = json.Find(name);
    if (member.has_value() && (path.size() == 1 || NamesField(*member, path.subspan(1)))) {
      return true;
    }
  }
  return false;
}

// The path and the body must not give the same field. `json` is the value of the body's field, or
// of the whole message.
absl::Status CheckPathConflicts(const JsonValue& json, const HttpBinding& binding) {
  for (const FieldPath& variable : binding.variables) {
    absl::Span<const FieldDescriptor* const> path(variable);
    if (binding.body == HttpBinding::Body::kField) {
      if (path.front() != binding.body_field) continue;
      path.remove_prefix(1);
    }
    if (NamesField(json, path)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the body must not have the field ", FieldPathName(variable), ": the path gives it"));
    }
  }
  return absl::OkStatus();
}

absl::Status SetJsonBody(std::string_view body, const HttpBinding& binding, Message& message) {
  if (body.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the body is empty: ", binding.name(), " takes JSON"));
  }
  ASSIGN_OR_RETURN(const JsonDocument document, ParseJson(WithoutByteOrderMark(body)));
  RETURN_IF_ERROR(CheckPathConflicts(document.root(), binding));
  if (binding.body == HttpBinding::Body::kWhole) {
    return JsonToMessage(document.root(), "the body", message, binding.variables);
  }
  return JsonToField(document.root(), *binding.body_field, message);
}

std::string_view KindName(JsonValue::Kind kind) {
  switch (kind) {
    case JsonValue::Kind::kNull:
      return "null";
    case JsonValue::Kind::kFalse:
    case JsonValue::Kind::kTrue:
      return "a truth value";
    case JsonValue::Kind::kNumber:
      return "a number";
    case JsonValue::Kind::kString:
      return "a string";
    case JsonValue::Kind::kArray:
      return "an array";
    case JsonValue::Kind::kObject:
      return "an object";
  }
  return "";
}

// A string or bytes field from a JSON string. People send the object of all fields here first, so
// the message points at the route that takes it.
absl::Status SetJsonText(std::string_view body, const HttpBinding& binding, Message& message) {
  ASSIGN_OR_RETURN(const JsonDocument document, ParseJson(WithoutByteOrderMark(body)));
  const JsonValue::Kind kind = document.root().kind();
  if (kind == JsonValue::Kind::kString) {
    return JsonToField(document.root(), *binding.body_field, message);
  }
  std::string error = absl::StrCat("the body must be a JSON string, the field ",
                                   binding.body_field->name(), ", not ", AbslView(KindName(kind)));
  if (kind == JsonValue::Kind::kObject && !binding.json_object_routes.empty()) {
    absl::StrAppend(&error, "; JSON objects go to ",
                    absl::StrJoin(binding.json_object_routes, " or "));
  }
  return absl::InvalidArgumentError(error);
}

// Without white space at its ends.
std::string_view Stripped(std::string_view text) {
  return StdView(absl::StripAsciiWhitespace(AbslView(text)));
}

// Whether it begins as an object, {"name":, also in the quotes of other languages, and ends as one.
bool LooksLikeJsonObject(std::string_view text) {
  if (!text.starts_with('{') || !text.ends_with('}')) return false;
  const std::string_view rest = Stripped(text.substr(1));
  if (!rest.starts_with('"') && !rest.starts_with('\'')) return false;
  const size_t end = rest.find(rest.front(), 1);
  return end != std::string_view::npos && Stripped(rest.substr(end + 1)).starts_with(':');
}

// INVALID_ARGUMENT for an object, be it a sound one or not, whose sender did not say that it is
// one.
absl::Status CheckIsNoJsonObject(std::string_view body, const HttpBinding& binding) {
  const std::string_view text = Stripped(body);
  if (!text.starts_with('{')) return absl::OkStatus();
  const absl::StatusOr<JsonDocument> document = ParseJson(text);
  if (!document.ok() && !LooksLikeJsonObject(text)) return absl::OkStatus();
  const std::string routes =
      binding.json_object_routes.empty()
          ? ""
          : absl::StrCat("to ", absl::StrJoin(binding.json_object_routes, " or "), " ");
  return absl::InvalidArgumentError(absl::StrCat(
      "the body is a JSON object, which ", binding.name(), " would take as the text: send it ",
      routes, "with the header Content-Type: application/json, or here with Content-Type: ",
      AbslView(kText), " if the text is meant",
      document.ok() ? "" : absl::StrCat("; as JSON it is broken: ", document.status().message())));
}

absl::Status SetBytesBody(const RequestParts& parts, const HttpBinding& binding, Message& message) {
  ASSIGN_OR_RETURN(const std::string_view media_type,
                   ChooseMediaType(parts.content_type, {kText, kForm, kJson, kOctets}, binding));
  if (media_type == kJson) return SetJsonText(parts.body, binding, message);
  StoreScalar(*binding.body_field, std::string(parts.body), message);
  return absl::OkStatus();
}

absl::Status SetRawText(std::string_view body, const HttpBinding& binding, Message& message) {
  const FieldDescriptor& field = *binding.body_field;
  if (const size_t offset = FindInvalidUtf8(body); offset != std::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("the body, the field ", field.name(),
                                                   ", must be UTF-8: byte ", offset, " is not"));
  }
  StoreScalar(field, std::string(WithoutByteOrderMark(body)), message);
  return absl::OkStatus();
}

// Reads the query too, since a form in the body has parameters as it has.
absl::Status SetTextBodyAndQuery(const RequestParts& parts, const HttpBinding& binding,
                                 Message& message) {
  ASSIGN_OR_RETURN(const std::string_view media_type,
                   ChooseMediaType(parts.content_type, {kText, kForm, kJson}, binding));
  if (media_type == kForm || media_type == kUntyped) {
    const std::string_view text = WithoutByteOrderMark(parts.body);
    RETURN_IF_ERROR(CheckIsNoJsonObject(text, binding));
    if (IsFormOfFields(text, binding)) return ParseForm(text, parts.query, binding, message);
  }
  RETURN_IF_ERROR(media_type == kJson ? SetJsonText(parts.body, binding, message)
                                      : SetRawText(parts.body, binding, message));
  return ParseQuery(parts.query, binding, message);
}

absl::Status SetBody(const RequestParts& parts, const HttpBinding& binding, Message& message) {
  if (binding.body == HttpBinding::Body::kNone) {
    if (parts.body.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(binding.name(), " takes no body: ", parts.body.size(), " bytes came"));
  }
  RETURN_IF_ERROR(ChooseMediaType(parts.content_type, {kJson}, binding).status());
  return SetJsonBody(parts.body, binding, message);
}

absl::Status SetBodyAndQuery(const RequestParts& parts, const HttpBinding& binding,
                             Message& message) {
  const FieldDescriptor* field = binding.body_field;
  if (binding.body == HttpBinding::Body::kField && !field->is_repeated() &&
      field->type() == FieldDescriptor::TYPE_STRING) {
    return SetTextBodyAndQuery(parts, binding, message);
  }
  const bool is_bytes = binding.body == HttpBinding::Body::kField && !field->is_repeated() &&
                        field->type() == FieldDescriptor::TYPE_BYTES;
  RETURN_IF_ERROR(is_bytes ? SetBytesBody(parts, binding, message)
                           : SetBody(parts, binding, message));
  return ParseQuery(parts.query, binding, message);
}

absl::Status SetVariable(const FieldPath& path, std::string_view value, Message& message) {
  Message* parent = nullptr;
  RETURN_IF_ERROR(MutableParent(path, message, &parent));
  ASSIGN_OR_RETURN(ScalarValue scalar, ParseScalarText(*path.back(), value));
  StoreScalar(*path.back(), std::move(scalar), *parent);
  return absl::OkStatus();
}

}  // namespace

absl::Status TranslateRequest(const HttpBinding& binding, const RequestParts& parts,
                              Message& message) {
  RETURN_IF_ERROR(SetBodyAndQuery(parts, binding, message));
  for (size_t i = 0; i < binding.variables.size(); ++i) {
    const absl::Status status =
        SetVariable(binding.variables[i], parts.variable_values[i], message);
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the path's ", FieldPathName(binding.variables[i]), " ", status.message()));
    }
  }
  return absl::OkStatus();
}

}  // namespace chorus
