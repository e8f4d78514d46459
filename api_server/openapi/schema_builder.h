#pragma once

// Builds JSON Schemas (2020-12, as in OpenAPI 3.1) of protobuf messages in proto3 JSON.
//
// Names are those of the .proto file, 64-bit integers are strings, enums are value names;
// descriptions and ranges come from the comments (comment.h). No field is required, as in proto3.
//
// Thread safety: none.

#include <google/protobuf/descriptor.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace chorus::gateway {

class SchemaBuilder {
 public:
  using Json = nlohmann::ordered_json;
  using Fields = std::set<const google::protobuf::FieldDescriptor*>;

  // A reference to the message's schema, which is added to schemas() with its dependencies.
  Json Message(const google::protobuf::Descriptor& message);

  // The same for a request body: no unknown members and no `hidden` fields, which the path gives or
  // the method refuses. A list that must have entries is required.
  Json RequestBody(const google::protobuf::Descriptor& message, const Fields& hidden);

  // A field's value in JSON.
  Json Field(const google::protobuf::FieldDescriptor& field);

  // The value of a scalar field or list in a path or query: all integers are numbers.
  Json Parameter(const google::protobuf::FieldDescriptor& field);

  // By name, for components/schemas.
  const Json& schemas() const { return schemas_; }

 private:
  Json Enum(const google::protobuf::EnumDescriptor& type);
  // One entry of the field, without its comment.
  Json Value(const google::protobuf::FieldDescriptor& field, bool in_body);
  Json WithComment(Json value, const google::protobuf::FieldDescriptor& field);
  Json Object(const google::protobuf::Descriptor& message, const Fields& hidden);
  // A reference to the schema of that name, created by `make` if missing.
  template <typename Make>
  Json Component(const std::string& name, Make make);

  Json schemas_ = Json::object();
};

}  // namespace chorus::gateway
