#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "api_server/pages.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus::gateway {
namespace {

using nlohmann::json;

json Document() { return json::parse(OpenApiDocument()); }

TEST(InferenceDocumentTest, HasEveryMethod) {
  std::set<std::string> ids;
  const json document = Document();
  for (const json& path : document["paths"]) {
    for (const json& operation : path) ids.insert(operation["operationId"].get<std::string>());
  }
  const auto& service = *v1::ClassifyRequest::descriptor()->file()->service(0);
  for (int i = 0; i < service.method_count(); ++i) {
    EXPECT_TRUE(ids.contains(service.method(i)->name())) << service.method(i)->name();
  }
  EXPECT_TRUE(document["paths"].contains("/metrics"));
  EXPECT_THAT(document["info"]["version"].get<std::string>(), ::testing::MatchesRegex("[0-9.]+"));
}

TEST(InferenceDocumentTest, DescribesTheTutorialsRoute) {
  const json route = Document()["paths"]["/classify_generated_texts"]["post"];
  EXPECT_EQ(route["requestBody"]["content"]["text/plain"]["example"], "I have an idea!");
  EXPECT_EQ(route["responses"]["200"]["content"]["application/json"]["schema"]["items"]["$ref"],
            "#/components/schemas/ScoredText");
  for (const char* code : {"400", "404", "405", "406", "408", "413", "414", "415", "429", "431",
                           "500", "503", "504"}) {
    EXPECT_TRUE(route["responses"].contains(code)) << code;
  }
  json schemas;
  for (const json& parameter : route["parameters"]) {
    if (parameter.contains("name")) schemas[parameter["name"]] = parameter["schema"];
  }
  EXPECT_EQ(schemas["top_p"]["exclusiveMinimum"], 0);
  EXPECT_EQ(schemas["top_p"]["maximum"], 1);
  EXPECT_EQ(schemas["repetition_penalty"]["exclusiveMinimum"], 0);
  EXPECT_EQ(schemas["max_length"]["minimum"], 1);
  EXPECT_EQ(schemas["num_return_sequences"]["maximum"], 64);
  EXPECT_EQ(schemas["stop"]["maxItems"], 16);
  EXPECT_EQ(schemas["temperature"]["minimum"], 0);
}

TEST(InferenceDocumentTest, RefersToResponsesThatThereAre) {
  const json document = Document();
  const json& responses = document["components"]["responses"];
  for (const json& path : document["paths"]) {
    for (const json& operation : path) {
      for (const json& response : operation["responses"]) {
        if (!response.contains("$ref")) continue;
        const std::string ref = response["$ref"];
        EXPECT_TRUE(responses.contains(ref.substr(ref.rfind('/') + 1))) << ref;
      }
    }
  }
}

TEST(InferenceDocumentTest, BoundsWhatRequestsTake) {
  const json document = Document();
  const json& schemas = document["components"]["schemas"];
  const json& classify = schemas["ClassifyRequestWithoutModel"];
  EXPECT_EQ(classify["required"], json::array({"texts"}));
  EXPECT_EQ(classify["properties"]["texts"]["minItems"], 1);
  EXPECT_EQ(classify["properties"]["texts"]["maxItems"], 1024);
  // Every number of a request has a least value.
  for (const auto& [name, schema] : schemas.items()) {
    if (name.find("Request") == std::string::npos) continue;
    for (const auto& [field, property] : schema["properties"].items()) {
      const std::string type = property.value("type", "");
      if (type != "number" && type != "integer") continue;
      EXPECT_TRUE(property.contains("minimum") || property.contains("exclusiveMinimum"))
          << name << "." << field;
    }
  }
}

TEST(InferenceDocumentTest, OffersStreamsNoPartialReplies) {
  const json paths = Document()["paths"];
  const auto has_parameter = [&](const std::string& path) {
    for (const json& parameter : paths[path]["post"]["parameters"]) {
      if (parameter.value("name", "") == "partial") return true;
    }
    return false;
  };
  EXPECT_TRUE(has_parameter("/classify_generated_texts"));
  EXPECT_FALSE(has_parameter("/classify_generated_texts:stream"));
  const json schemas = Document()["components"]["schemas"];
  EXPECT_TRUE(schemas["RunGraphRequestWithoutGraph"]["properties"].contains("partial"));
  const std::string stream = paths["/v1/graphs/{graph}:streamRun"]["post"]["requestBody"]["content"]
                                  ["application/json"]["schema"]["$ref"];
  EXPECT_FALSE(schemas[stream.substr(stream.rfind('/') + 1)]["properties"].contains("partial"));
}

// Every field has a comment for the document to show.
TEST(InferenceDocumentTest, DescribesEverySchema) {
  const auto document = Document();
  for (const auto& [name, schema] : document["components"]["schemas"].items()) {
    if (name == "Error" || !schema.contains("properties")) continue;
    for (const auto& [field, property] : schema["properties"].items()) {
      EXPECT_TRUE(property.contains("description")) << name << "." << field;
    }
  }
}

}  // namespace
}  // namespace chorus::gateway
