#include "api_server/openapi/schema_builder.h"

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api_server/openapi/comment.h"

namespace chorus::gateway {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;

namespace {

using Json = SchemaBuilder::Json;

template <typename Int>
Json IntegerSchema(const char* format) {
  return {{"type", "integer"},
          {"format", format},
          {"minimum", std::numeric_limits<Int>::min()},
          {"maximum", std::numeric_limits<Int>::max()}};
}

// A 64-bit integer: in a body a string, since JSON's numbers are doubles to many.
template <typename Int>
Json Integer64Schema(const char* format, bool in_body) {
  if (!in_body) return IntegerSchema<Int>(format);
  return {{"type", "string"},
          {"format", format},
          {"pattern", std::is_signed_v<Int> ? "^-?[0-9]{1,19}$" : "^[0-9]{1,20}$"}};
}

// Whole numbers without ".0".
Json Number(double value) {
  const auto whole = static_cast<int64_t>(value);
  return static_cast<double>(whole) == value ? Json(whole) : Json(value);
}

void SetIf(Json& schema, const char* key, const std::optional<double>& value) {
  if (value.has_value()) schema[key] = Number(*value);
}

void AddBytes(const CommentRange& range, Json& schema) {
  if (range.min_bytes.has_value()) schema["minLength"] = *range.min_bytes;
  if (range.max_bytes.has_value()) schema["maxLength"] = *range.max_bytes;
}

void AddRange(const CommentRange& range, Json& schema) {
  const Json type = schema.value("type", Json());
  if (type == "array") {
    SetIf(schema, "minItems", range.minimum);
    SetIf(schema, "maxItems", range.maximum);
    if (schema["items"].value("type", Json()) == "string") AddBytes(range, schema["items"]);
  } else if (type == "number" || type == "integer") {
    SetIf(schema, "minimum", range.minimum);
    SetIf(schema, "exclusiveMinimum", range.exclusive_minimum);
    SetIf(schema, "maximum", range.maximum);
    SetIf(schema, "exclusiveMaximum", range.exclusive_maximum);
  } else if (type == "string" && !schema.contains("format")) {
    AddBytes(range, schema);
  }
}

}  // namespace

template <typename Make>
Json SchemaBuilder::Component(const std::string& name, Make make) {
  if (!schemas_.contains(name)) {
    schemas_[name] = nullptr;  // Messages may hold themselves.
    Json schema = make();
    schemas_[name] = std::move(schema);
  }
  return {{"$ref", absl::StrCat("#/components/schemas/", name)}};
}

Json SchemaBuilder::Message(const Descriptor& message) {
  if (message.well_known_type() == Descriptor::WELLKNOWNTYPE_ANY) {
    return {{"type", "object"},
            {"properties", {{"@type", {{"type", "string"}}}}},
            {"additionalProperties", true}};
  }
  return Component(message.name(), [&] { return Object(message, {}); });
}

Json SchemaBuilder::RequestBody(const Descriptor& message, const Fields& hidden) {
  // Two routes of one message may hide different fields.
  std::string name = message.name();
  for (int i = 0; i < message.field_count(); ++i) {
    const std::string& field = message.field(i)->name();
    if (!hidden.contains(message.field(i))) continue;
    absl::StrAppend(&name, "Without", std::string(1, absl::ascii_toupper(field[0])),
                    field.substr(1));
  }
  return Component(name, [&] {
    Json schema = Object(message, hidden);
    schema["additionalProperties"] = false;
    Json required;  // Not in its place yet: a new field moves those there are.
    for (const auto& [field, property] : schema["properties"].items()) {
      if (property.value("minItems", 0) > 0) required.push_back(field);
    }
    if (!required.empty()) schema["required"] = std::move(required);
    return schema;
  });
}

Json SchemaBuilder::Object(const Descriptor& message, const Fields& hidden) {
  Json schema = {{"type", "object"}};
  if (std::string comment = CommentOf(message); !comment.empty()) {
    schema["description"] = std::move(comment);
  }
  Json properties = Json::object();
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (!hidden.contains(&field)) properties[field.name()] = Field(field);
  }
  schema["properties"] = std::move(properties);
  if (message.real_oneof_decl_count() == 1 &&
      message.oneof_decl(0)->field_count() == message.field_count()) {
    // All that the message is: one of these.
    Json alternatives = Json::array();
    for (int i = 0; i < message.field_count(); ++i) {
      alternatives.push_back({{"required", Json::array({message.field(i)->name()})}});
    }
    schema["oneOf"] = std::move(alternatives);
  }
  return schema;
}

Json SchemaBuilder::Enum(const EnumDescriptor& type) {
  return Component(type.name(), [&] {
    std::string description = CommentOf(type);
    Json values = Json::array();
    for (int i = 0; i < type.value_count(); ++i) {
      const EnumValueDescriptor& value = *type.value(i);
      if (absl::EndsWith(value.name(), "_UNSPECIFIED")) continue;  // Stands for an absent field.
      absl::StrAppend(&description, "\n* `", value.name(), "`: ", CommentOf(value));
      values.push_back(value.name());
    }
    return Json{{"type", "string"}, {"description", description}, {"enum", values}};
  });
}

Json SchemaBuilder::Value(const FieldDescriptor& field, bool in_body) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_MESSAGE:
    case FieldDescriptor::TYPE_GROUP:
      return Message(*field.message_type());
    case FieldDescriptor::TYPE_ENUM:
      return Enum(*field.enum_type());
    case FieldDescriptor::TYPE_BOOL:
      return {{"type", "boolean"}};
    case FieldDescriptor::TYPE_DOUBLE:
      return {{"type", "number"}, {"format", "double"}};
    case FieldDescriptor::TYPE_FLOAT:
      return {{"type", "number"}, {"format", "float"}};
    case FieldDescriptor::TYPE_STRING:
      return {{"type", "string"}};
    case FieldDescriptor::TYPE_BYTES:
      return {{"type", "string"}, {"contentEncoding", "base64"}};
    default:
      break;
  }
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return IntegerSchema<uint32_t>("uint32");
    case FieldDescriptor::CPPTYPE_INT32:
      return IntegerSchema<int32_t>("int32");
    case FieldDescriptor::CPPTYPE_UINT64:
      return Integer64Schema<uint64_t>("uint64", in_body);
    default:
      return Integer64Schema<int64_t>("int64", in_body);
  }
}

Json SchemaBuilder::WithComment(Json value, const FieldDescriptor& field) {
  Json schema = std::move(value);
  if (field.is_repeated()) {
    schema = {{"type", "array"}, {"items", std::move(schema)}};
  }
  const std::string comment = CommentOf(field);
  AddRange(RangeOf(comment), schema);
  if (!comment.empty()) schema["description"] = comment;
  return schema;
}

Json SchemaBuilder::Field(const FieldDescriptor& field) {
  return WithComment(Value(field, /*in_body=*/true), field);
}

Json SchemaBuilder::Parameter(const FieldDescriptor& field) {
  return WithComment(Value(field, /*in_body=*/false), field);
}

}  // namespace chorus::gateway
