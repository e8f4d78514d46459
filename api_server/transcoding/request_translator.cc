#include "api_server/transcoding/request_translator.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "api_server/transcoding/content_type.h"
#include "api_server/transcoding/http_status.h"
#include "api_server/transcoding/json_to_message.h"
#include "api_server/transcoding/query_parser.h"
#include "api_server/transcoding/scalar_value.h"
#include "base/error_details.h"
#include "base/quote.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "base/utf8.h"

namespace chorus::gateway {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kText = "text/plain";
constexpr std::string_view kForm = "application/x-www-form-urlencoded";
constexpr std::string_view kUntyped;  // No header.
constexpr std::string_view kOctets = "application/octet-stream";

absl::Status UnsupportedContentType(std::string_view what) {
  return HttpError(415, absl::StrCat("unsupported content type: ", AbslView(what)));
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

absl::Status SetJsonBody(std::string_view body, const HttpBinding& binding, Message& message) {
  if (body.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the body is empty: ", binding.name(), " takes JSON"));
  }
  if (binding.body == HttpBinding::Body::kWhole) {
    return JsonToMessage(body, message, binding.variables);
  }
  return JsonToField(body, *binding.body_field, message, binding.variables);
}

// Without white space at its ends.
std::string_view Stripped(std::string_view text) {
  return StdView(absl::StripAsciiWhitespace(AbslView(text)));
}

// What a JSON value is that begins so and is no string.
std::string_view KindName(char first) {
  switch (first) {
    case '{':
      return "an object";
    case '[':
      return "an array";
    case 't':
    case 'f':
      return "a truth value";
    case 'n':
      return "null";
    default:
      return "a number";
  }
}

// A string or bytes field from a JSON string. People send the object of all fields here first, so
// the message points at the route that takes it.
absl::Status SetJsonText(std::string_view body, const HttpBinding& binding, Message& message) {
  const std::string_view json = Stripped(WithoutByteOrderMark(body));
  if (json.starts_with('"')) return JsonToField(body, *binding.body_field, message);
  RETURN_IF_ERROR(CheckJson(body));
  std::string error =
      absl::StrCat("the body must be a JSON string, the field ", binding.body_field->name(),
                   ", not ", AbslView(KindName(json.front())));
  if (json.starts_with('{') && !binding.json_object_routes.empty()) {
    absl::StrAppend(&error, "; JSON objects go to ",
                    absl::StrJoin(binding.json_object_routes, " or "));
  }
  return absl::InvalidArgumentError(error);
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
  const absl::Status json = CheckJson(text);
  if (!json.ok() && !LooksLikeJsonObject(text)) return absl::OkStatus();
  const std::string routes =
      binding.json_object_routes.empty()
          ? ""
          : absl::StrCat("to ", absl::StrJoin(binding.json_object_routes, " or "), " ");
  return absl::InvalidArgumentError(absl::StrCat(
      "the body is a JSON object, which ", binding.name(), " would take as the text: send it ",
      routes, "with the header Content-Type: application/json, or here with Content-Type: ",
      AbslView(kText), " if the text is meant",
      json.ok() ? "" : absl::StrCat("; as JSON it is broken: ", json.message())));
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
    return WithField(
        absl::InvalidArgumentError(absl::StrCat("the body, the field ", field.name(),
                                                ", must be UTF-8: byte ", offset, " is not")),
        field.name());
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

}  // namespace

absl::Status TranslateRequest(const HttpBinding& binding, const RequestParts& parts,
                              Message& message) {
  RETURN_IF_ERROR(SetBodyAndQuery(parts, binding, message));
  for (size_t i = 0; i < binding.variables.size(); ++i) {
    const absl::Status status = SetField(binding.variables[i], parts.variable_values[i], message);
    if (!status.ok()) {
      const std::string name = FieldPathName(binding.variables[i]);
      return WithField(
          absl::InvalidArgumentError(absl::StrCat("the path's ", name, " ", status.message())),
          name);
    }
  }
  return absl::OkStatus();
}

}  // namespace chorus::gateway
