#include "api_server/openapi/openapi_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/api_server/openapi/test_protos.h"

namespace chorus::gateway {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kBase[] = R"({"openapi":"3.1.0","info":{"title":"T","version":""},
  "tags":[{"name":"First"}],"paths":{"/livez":{"get":{"operationId":"L"}}},
  "components":{"schemas":{"Error":{"type":"object"}}}})";

absl::StatusOr<std::string> Make(const char* service, const std::string& base = kBase,
                                 const std::string& examples = "{}") {
  return MakeOpenApiDocument(
      {.service = LoadProto("openapi_document_test").FindServiceByName(service),
       .base = base,
       .examples = examples,
       .version = "1.2.3"});
}

class OpenApiDocumentTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto made = Make("S", kBase,
                           R"({"Run":{"request":"hi","response":{"application/json":["a"]}},
                               "RunNamed":{"parameters":{"name":"n"},"request":{"text":"hi"}}})");
    ASSERT_TRUE(made.ok()) << made.status();
    document_ = json::parse(*made);
    run_ = document_["paths"]["/run"]["post"];
    run_named_ = document_["paths"]["/v1/runs/{name}:run"]["post"];
    stream_ = document_["paths"]["/v1/runs/{name}"]["get"];
  }

  static json Parameter(const json& operation, const std::string& name) {
    for (const json& parameter : operation["parameters"]) {
      if (parameter.value("name", "") == name) return parameter;
    }
    return nullptr;
  }

  json document_, run_, run_named_, stream_;
};

TEST_F(OpenApiDocumentTest, PutsTheServiceIntoTheBase) {
  EXPECT_EQ(document_["info"]["version"], "1.2.3");
  EXPECT_EQ(document_["info"]["title"], "T");
  EXPECT_TRUE(document_["paths"].contains("/livez"));
  EXPECT_TRUE(document_["components"]["schemas"].contains("Error"));
  EXPECT_EQ(run_["operationId"], "Run");
  EXPECT_EQ(run_["tags"], json::array({"First"}));
  EXPECT_EQ(run_named_["tags"], json::array({"Runs"}));
  EXPECT_EQ(run_["summary"], "Runs it");
  EXPECT_EQ(run_["description"], "Runs it. Idempotent.");
}

TEST_F(OpenApiDocumentTest, GivesEachBindingAnIdOfItsOwn) {
  EXPECT_EQ(run_named_["operationId"], "RunNamed");
  EXPECT_EQ(document_["paths"]["/v1/runs/{name}"]["put"]["operationId"], "RunNamed2");
  EXPECT_EQ(stream_["operationId"], "Stream");
}

TEST_F(OpenApiDocumentTest, TakesATextBodyAsTextAndAsJson) {
  const json& content = run_["requestBody"]["content"];
  EXPECT_EQ(content["text/plain"], json::parse(R"({"schema":{"type":"string"},"example":"hi"})"));
  EXPECT_EQ(content["application/json"], content["text/plain"]);
  EXPECT_THAT(run_["requestBody"]["description"].get<std::string>(), HasSubstr("The prompt."));
  EXPECT_FALSE(run_["requestBody"].contains("required"));  // An empty text is one.
}

TEST_F(OpenApiDocumentTest, HasTheOtherFieldsAsQueryParameters) {
  EXPECT_EQ(Parameter(run_, "count"), json::parse(R"({"name":"count","in":"query",
      "description":"1 to 64.",
      "schema":{"type":"integer","format":"uint32","minimum":1,"maximum":64}})"));
  EXPECT_EQ(Parameter(run_, "stop")["schema"]["type"], "array");
  EXPECT_EQ(Parameter(run_, "text"), nullptr);
  EXPECT_EQ(Parameter(run_named_, "count"), nullptr);
  EXPECT_EQ(Parameter(run_named_, "name")["in"], "path");
  EXPECT_EQ(Parameter(run_named_, "name")["required"], true);
  EXPECT_EQ(Parameter(run_named_, "name")["example"], "n");
  EXPECT_EQ(Parameter(stream_, "text")["in"], "query");
  EXPECT_FALSE(stream_.contains("requestBody"));
  EXPECT_EQ(Parameter(run_, "gather")["in"], "query");
  EXPECT_EQ(Parameter(stream_, "gather"), nullptr);
}

TEST_F(OpenApiDocumentTest, TakesAWholeBodyWithoutThePathsFields) {
  EXPECT_EQ(run_named_["requestBody"], json::parse(R"({"required":true,"content":{
      "application/json":{"schema":{"$ref":"#/components/schemas/RequestWithoutName"},
                          "example":{"text":"hi"}}}})"));
}

TEST_F(OpenApiDocumentTest, RepliesWithTheResponseBodyOrTheWholeMessage) {
  EXPECT_EQ(
      run_["responses"]["200"]["content"]["application/json"],
      json::parse(R"({"schema":{"type":"array","items":{"type":"string"}},"example":["a"]})"));
  EXPECT_EQ(run_named_["responses"]["200"]["content"]["application/json"]["schema"]["$ref"],
            "#/components/schemas/Reply");
}

TEST_F(OpenApiDocumentTest, StreamsEventsOrLines) {
  const json& content = stream_["responses"]["200"]["content"];
  EXPECT_EQ(content.size(), 2u);
  for (const char* type : {"text/event-stream", "application/x-ndjson"}) {
    EXPECT_EQ(content[type]["schema"]["contentSchema"]["$ref"], "#/components/schemas/Reply");
  }
}

TEST_F(OpenApiDocumentTest, TellsErrorsWithTheirCodes) {
  EXPECT_EQ(run_["responses"]["400"]["description"], "`INVALID_ARGUMENT`: something is wrong.");
  EXPECT_EQ(run_["responses"]["500"]["description"], "`INTERNAL`: a fault.");
  EXPECT_TRUE(run_["responses"]["429"]["headers"].contains("Retry-After"));
  EXPECT_FALSE(run_["responses"].contains("499"));
  EXPECT_FALSE(run_["responses"].contains("404"));
  EXPECT_TRUE(run_["responses"].contains("415"));
  for (const char* code : {"414", "431"}) {
    EXPECT_TRUE(run_["responses"].contains(code)) << code;
    EXPECT_TRUE(stream_["responses"].contains(code)) << code;
  }
  EXPECT_TRUE(run_["responses"].contains("408"));
  EXPECT_FALSE(stream_["responses"].contains("408"));
  EXPECT_EQ(run_named_["responses"]["400"]["description"],
            "`INVALID_ARGUMENT`: something is wrong; also without a name.");
  EXPECT_EQ(stream_["responses"]["400"], run_named_["responses"]["400"]);
  EXPECT_EQ(stream_["responses"]["404"]["description"], "`NOT_FOUND`: no such name.");
  EXPECT_FALSE(stream_["responses"].contains("415"));
}

TEST(OpenApiDocumentErrors, SayWhatIsWrong) {
  EXPECT_THAT(std::string(Make("S", "[]").status().message()), HasSubstr("the base"));
  EXPECT_THAT(std::string(Make("S", kBase, "{").status().message()), HasSubstr("examples"));
  EXPECT_THAT(std::string(Make("S", kBase, R"({"None":{}})").status().message()),
              HasSubstr("no operation: None"));
  EXPECT_THAT(std::string(Make("Nested").status().message()),
              HasSubstr("GET /r: the query parameter m is a message"));
}

}  // namespace
}  // namespace chorus::gateway
