#include "api_server/openapi/schema_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/api_server/openapi/test_protos.h"

namespace chorus::gateway {
namespace {

using Json = SchemaBuilder::Json;

class SchemaBuilderTest : public testing::Test {
 protected:
  const google::protobuf::Descriptor& Message(const char* name) {
    return *proto_.FindMessageTypeByName(name);
  }
  Json FieldSchema(const char* name) {
    return builder_.Field(*Message("Thing").FindFieldByName(name));
  }
  Json ParameterSchema(const char* name) {
    return builder_.Parameter(*Message("Thing").FindFieldByName(name));
  }

  const google::protobuf::FileDescriptor& proto_ = LoadProto("schema_builder_test");
  SchemaBuilder builder_;
};

TEST_F(SchemaBuilderTest, DescribesScalars) {
  EXPECT_EQ(FieldSchema("name"), Json::parse(R"({"type":"string","description":"Its name."})"));
  EXPECT_EQ(FieldSchema("flag"), Json::parse(R"({"type":"boolean"})"));
  EXPECT_EQ(FieldSchema("data"), Json::parse(R"({"type":"string","contentEncoding":"base64"})"));
  EXPECT_EQ(FieldSchema("offset"), Json::parse(R"({"type":"integer","format":"int32",
      "minimum":-2147483648,"maximum":2147483647})"));
}

TEST_F(SchemaBuilderTest, TakesRangesFromComments) {
  EXPECT_EQ(FieldSchema("count"), Json::parse(R"({"type":"integer","format":"uint32","minimum":0,
      "maximum":20,"description":"At most 20."})"));
  EXPECT_EQ(FieldSchema("share"), Json::parse(R"({"type":"number","format":"double",
      "exclusiveMinimum":0,"maximum":1,"description":"In (0, 1]."})"));
  EXPECT_EQ(FieldSchema("stop"), Json::parse(R"({"type":"array",
      "items":{"type":"string","minLength":1,"maxLength":1024},"maxItems":16,
      "description":"At most 16, of 1 to 1,024 bytes."})"));
}

TEST_F(SchemaBuilderTest, WritesLongIntegersAsStringsInBodiesOnly) {
  EXPECT_EQ(FieldSchema("seed"), Json::parse(R"({"type":"string","format":"uint64",
      "pattern":"^[0-9]{1,20}$"})"));
  EXPECT_EQ(ParameterSchema("seed"), Json::parse(R"({"type":"integer","format":"uint64",
      "minimum":0,"maximum":18446744073709551615})"));
}

TEST_F(SchemaBuilderTest, MakesComponentsOfMessagesAndEnums) {
  EXPECT_EQ(FieldSchema("things"), Json::parse(R"({"type":"array",
      "items":{"$ref":"#/components/schemas/Thing"},"description":"Those in it."})"));
  EXPECT_EQ(FieldSchema("kind"), Json::parse(R"({"$ref":"#/components/schemas/Kind"})"));
  EXPECT_EQ(builder_.schemas()["Kind"], Json::parse(R"({"type":"string",
      "description":"Sorts.\n* `KIND_GOOD`: Good.","enum":["KIND_GOOD"]})"));
  const Json& thing = builder_.schemas()["Thing"];
  EXPECT_EQ(thing["type"], "object");
  EXPECT_EQ(thing["description"], "A thing.");
  EXPECT_EQ(thing["properties"].size(), 11u);
  EXPECT_EQ(thing["properties"]["things"]["items"]["$ref"], "#/components/schemas/Thing");
  EXPECT_FALSE(thing.contains("required"));
}

TEST_F(SchemaBuilderTest, HidesPathFieldsFromBodies) {
  const auto& thing = Message("Thing");
  EXPECT_EQ(builder_.RequestBody(thing, {thing.FindFieldByName("name")})["$ref"],
            "#/components/schemas/ThingWithoutName");
  const Json& body = builder_.schemas()["ThingWithoutName"];
  EXPECT_FALSE(body["properties"].contains("name"));
  EXPECT_TRUE(body["properties"].contains("seed"));
  EXPECT_EQ(body["additionalProperties"], false);
  EXPECT_EQ(body["required"], Json::parse(R"(["texts"])"));
  EXPECT_EQ(body["properties"]["texts"]["minItems"], 1);
  EXPECT_EQ(body["properties"]["texts"]["maxItems"], 1024);
  // Named in the order of the message, whatever that of the set.
  EXPECT_EQ(
      builder_.RequestBody(thing, {thing.FindFieldByName("texts"), thing.FindFieldByName("flag"),
                                   thing.FindFieldByName("seed")})["$ref"],
      "#/components/schemas/ThingWithoutSeedWithoutFlagWithoutTexts");
}

TEST_F(SchemaBuilderTest, SaysThatOneofsAreOne) {
  builder_.Message(Message("Either"));
  EXPECT_EQ(builder_.schemas()["Either"]["oneOf"],
            Json::parse(R"([{"required":["left"]},{"required":["right"]}])"));
}

}  // namespace
}  // namespace chorus::gateway
