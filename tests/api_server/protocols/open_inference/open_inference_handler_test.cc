#include "api_server/protocols/open_inference/open_inference_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/api_server/protocols/door_fixture.h"

namespace chorus::gateway {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OpenInferenceHandlerTest : public DoorFixture {
 protected:
  void SetUp() override {
    gpt2_->set_model({.task = ModelTask::kGenerate, .version = "demo"});
    distilgpt2_->set_model({.task = ModelTask::kGenerate});
    bert_->set_model({.task = ModelTask::kClassify, .labels = {"NEGATIVE", "POSITIVE"}});
  }

  static json Tensor(const std::string& name, const std::vector<std::string>& texts) {
    return {{"name", name}, {"datatype", "BYTES"}, {"shape", {texts.size()}}, {"data", texts}};
  }
  static json Infer(const std::vector<std::string>& texts) {
    return {{"inputs", json::array({Tensor("text_input", texts)})}};
  }
  static std::string Events(HttpStream& stream) { return stream.Take().bytes; }

  const HttpHandler& door() const override { return door_; }

  bool ready_ = true;
  OpenInferenceService service_{
      handler_, executor_, {.version = "1.2", .is_ready = [this] { return ready_; }}};
  OpenInferenceHandler door_{service_};
};

TEST_F(OpenInferenceHandlerTest, TellsWhatTheServerIs) {
  EXPECT_EQ(Body(Get("/v2")), json::parse(R"({"name": "chorus", "version": "1.2",
      "extensions": ["binary_tensor_data", "parameters", "generate"]})"));
  EXPECT_EQ(Body(Get("/v2/health/live"))["live"], true);
  EXPECT_EQ(Get("/v2/health/ready")->status, 200);
  ready_ = false;
  EXPECT_EQ(Get("/v2/health/ready")->status, 503);
}

TEST_F(OpenInferenceHandlerTest, TellsWhatAModelIs) {
  EXPECT_EQ(Body(Get("/v2/models/bert")), json::parse(R"({"name": "bert", "versions": [],
      "platform": "chorus",
      "inputs": [{"name": "text_input", "datatype": "BYTES", "shape": [-1]},
                 {"name": "text_pair", "datatype": "BYTES", "shape": [-1]}],
      "outputs": [{"name": "label", "datatype": "BYTES", "shape": [-1]},
                  {"name": "score", "datatype": "FP64", "shape": [-1]},
                  {"name": "scores", "datatype": "FP64", "shape": [-1, 2]}]})"));
  EXPECT_EQ(Body(Get("/v2/models/gpt2/versions/demo"))["versions"], json({"demo"}));
  EXPECT_EQ(Body(Get("/v2/models/inference_graph"))["outputs"].size(), 3u);
  EXPECT_THAT(Body(Get("/v2/models/gpt2/versions/7"))["error"].get<std::string>(),
              HasSubstr("gpt2 has no version \"7\"; it has demo"));
  EXPECT_EQ(Get("/v2/models/gpt9")->status, 404);
  distilgpt2_->set_model({});
  EXPECT_EQ(Get("/v2/models/distilgpt2")->status, 503);
}

TEST_F(OpenInferenceHandlerTest, TellsWhetherAModelIsReady) {
  EXPECT_EQ(Get("/v2/models/gp%742/ready")->status, 200);
  EXPECT_EQ(Get("/v2/models/inference_graph/ready")->status, 200);
  bert_->set_healthy(false);
  EXPECT_EQ(Get("/v2/models/bert/ready")->status, 503);
  EXPECT_EQ(Get("/v2/models/inference_graph/ready")->status, 503);
  EXPECT_EQ(Get("/v2/models/gpt9/ready")->status, 404);
}

TEST_F(OpenInferenceHandlerTest, Generates) {
  json body = Infer({"a", "b"});
  body["id"] = "7";
  body["parameters"] = {{"num_return_sequences", 2}, {"seed", 9}};
  ASSERT_FALSE(Post("/v2/models/gpt2/infer", body));
  ASSERT_EQ(gpt2_->num_generate_calls(), 4u);
  for (const char* text : {"1", "2", "3", "4"}) {
    auto call = gpt2_->TakeGenerate();
    EXPECT_EQ(call.params().seed(), 9u);
    call.Finish(text);
  }
  EXPECT_EQ(Body(later_), json::parse(R"({"model_name": "gpt2", "model_version": "demo",
      "id": "7", "outputs": [{"name": "text_output", "datatype": "BYTES", "shape": [4],
                              "data": ["1", "2", "3", "4"]}]})"));
}

TEST_F(OpenInferenceHandlerTest, RunsAGraph) {
  json body = Infer({"I"});
  body["outputs"] = json::array({{{"name", "score"}}, {{"name", "generated"}}});
  ASSERT_FALSE(Post("/v2/models/inference_graph/infer", body));
  FinishGraph();
  const json outputs = Body(later_)["outputs"];
  ASSERT_EQ(outputs.size(), 2u);
  EXPECT_EQ(outputs[0]["name"], "score");
  EXPECT_EQ(outputs[0]["data"], json({0.9, 0.8}));
  EXPECT_EQ(outputs[1]["data"], json({"I one", "I two"}));
}

TEST_F(OpenInferenceHandlerTest, Classifies) {
  json body = {{"inputs", json::array({Tensor("text_input", {"a"}), Tensor("text_pair", {"b"})})}};
  body["parameters"] = {{"truncate", false}};
  ASSERT_FALSE(Post("/v2/models/bert/infer", body));
  auto call = bert_->TakeClassify();
  EXPECT_THAT(call.request.texts(), ElementsAre("a"));
  EXPECT_THAT(call.request.text_pairs(), ElementsAre("b"));
  EXPECT_TRUE(call.request.refuse_truncation());
  call.Finish(0.75);
  const json outputs = Body(later_)["outputs"];
  EXPECT_EQ(outputs[0]["data"], json({"POSITIVE"}));
  EXPECT_EQ(outputs[1]["data"], json({0.75}));
  EXPECT_EQ(outputs[2]["data"], json({0.25, 0.75}));
  EXPECT_EQ(outputs[2]["shape"], json({1, 2}));
}

TEST_F(OpenInferenceHandlerTest, Embeds) {
  bert_->set_model({.task = ModelTask::kEmbed, .dimensions = 2});
  ASSERT_FALSE(Post("/v2/models/bert/infer", Infer({"a"})));
  runner::v1::EmbedResponse response;
  response.add_results()->add_values(0.5f);
  response.mutable_results(0)->add_values(1);
  std::move(bert_->TakeEmbed().done)(std::move(response));
  EXPECT_EQ(Body(later_)["outputs"], json::parse(R"([{"name": "embedding", "datatype": "FP32",
                                                      "shape": [1, 2], "data": [0.5, 1.0]}])"));
}

TEST_F(OpenInferenceHandlerTest, GeneratesAText) {
  ASSERT_FALSE(
      Post("/v2/models/gpt2/generate", {{"text_input", "I"}, {"parameters", {{"max_tokens", 5}}}}));
  auto call = gpt2_->TakeGenerate();
  EXPECT_EQ(call.params().max_new_tokens(), 5u);
  call.Finish(" am");
  EXPECT_EQ(Body(later_), json::parse(R"({"model_name": "gpt2", "model_version": "demo",
                                          "text_output": " am"})"));
}

TEST_F(OpenInferenceHandlerTest, Streams) {
  const auto reply = Post("/v2/models/gpt2/generate_stream", {{"text_input", "I"}});
  ASSERT_TRUE(reply.has_value() && reply->stream != nullptr);
  EXPECT_EQ(reply->content_type, "text/event-stream");
  auto call = gpt2_->TakeGenerate();
  call.Write(" a");
  EXPECT_EQ(Events(*reply->stream),
            R"(data: {"model_name":"gpt2","index":0,"text_output":" a","done":false})"
            "\n\n");
  call.Finish("m");
  EXPECT_EQ(Events(*reply->stream),
            R"(data: {"model_name":"gpt2","index":0,"text_output":"m","done":true})"
            "\n\n");
  EXPECT_EQ(reply->stream->ErrorEvent(absl::UnavailableError("gone")),
            "data: {\"error\":\"gone\"}\n\n");
}

TEST_F(OpenInferenceHandlerTest, StreamsAGraphsScores) {
  const auto reply = Post("/v2/models/inference_graph/generate_stream", {{"text_input", "I"}});
  ASSERT_TRUE(reply.has_value() && reply->stream != nullptr);
  FinishGraph();
  const std::string events = Events(*reply->stream);
  EXPECT_THAT(events, HasSubstr(R"("index":0,"score":0.9,"label":"POSITIVE"})"));
  EXPECT_THAT(events, HasSubstr(R"("index":1,"text_output":" two","done":true})"));
}

TEST_F(OpenInferenceHandlerTest, OneFailureStopsTheOtherTexts) {
  ASSERT_FALSE(Post("/v2/models/gpt2/infer", Infer({"a", "b"})));
  auto first = gpt2_->TakeGenerate();
  auto second = gpt2_->TakeGenerate();
  first.Fail(absl::ResourceExhaustedError("full"));
  EXPECT_TRUE(second.context.stop.stop_requested());
  second.Fail(absl::CancelledError());
  EXPECT_EQ(later_->status, 429);
  EXPECT_THAT(Body(later_)["error"].get<std::string>(), HasSubstr("full"));
}

TEST_F(OpenInferenceHandlerTest, SaysWhatIsWrong) {
  json many = Infer(std::vector<std::string>(2049, "a"));
  json parameters = Infer({"a"});
  parameters["parameters"] = {{"top_p", 7}};
  json output = Infer({"a"});
  output["outputs"] = json::array({{{"name", "logits"}}});
  const std::vector<std::pair<json, std::string>> cases = {
      {many, "text_input must have at least one text, and with num_return_sequences make at most"},
      {Infer({}), "text_input must have at least one text"},
      {parameters, "top_p must be"},
      {output, "outputs[0].name is no output of gpt2, which has text_output"},
      {{{"inputs", json::array({Tensor("text_pair", {"a"})})}}, "is no input of gpt2"}};
  for (const auto& [body, sentence] : cases) {
    const auto reply = Post("/v2/models/gpt2/infer", body);
    ASSERT_TRUE(reply.has_value() || later_.has_value());
    const HttpReply& error = reply.has_value() ? *reply : *later_;
    EXPECT_EQ(error.status, 400);
    EXPECT_THAT(error.body, HasSubstr(sentence));
  }
  EXPECT_EQ(Post("/v2/models/gpt2/generate_stream",
                 {{"text_input", "a"}, {"parameters", {{"echo", true}}}})
                ->status,
            400);
}

TEST_F(OpenInferenceHandlerTest, LeavesOtherPathsToOthers) {
  for (const char* path :
       {"/v2/models", "/v2/models/", "/v2/models/gpt2/", "/v2/models/gpt2/x", "/v2/health",
        "/v2/models/gpt2/versions/", "/v2/models/gpt2/versions//infer", "/v2/models//infer",
        "/v1/models/gpt2:generate", "/v22"}) {
    EXPECT_TRUE(absl::IsNotFound(door_.Match({.method = "POST", .target = path}).refusal)) << path;
  }
  EXPECT_EQ(Get("/v2/models/gpt2/infer")->status, 405);
  EXPECT_EQ(Post("/v2/models/gpt2", {})->status, 405);
  EXPECT_EQ(Post("/v2", {})->status, 405);
  EXPECT_FALSE(door_.Match({.method = "GET", .target = "/v2/health/live"}).is_call);
}

TEST_F(OpenInferenceHandlerTest, ServesTheSameOverGrpc) {
  MethodRegistry registry;
  service_.Register(registry);
  const auto* service =
      inference::ModelInferRequest::descriptor()->file()->FindServiceByName("GRPCInferenceService");
  ASSERT_NE(service, nullptr);
  for (int i = 0; i < service->method_count(); ++i) {
    EXPECT_NE(registry.Find(*service->method(i)), nullptr) << service->method(i)->name();
  }
  const MethodRegistry::Method* infer = registry.Find(*service->FindMethodByName("ModelInfer"));
  auto request = ParseProto<inference::ModelInferRequest>(R"pb(
    model_name: "gpt2"
    inputs {
      name: "text_input"
      datatype: "BYTES"
      shape: 1
      contents { bytes_contents: "I" }
    })pb");
  std::unique_ptr<google::protobuf::Message> reply;
  ASSERT_TRUE(infer
                  ->call(request, Call(),
                         [&](absl::StatusOr<std::unique_ptr<google::protobuf::Message>> message) {
                           ASSERT_TRUE(message.ok()) << message.status();
                           reply = *std::move(message);
                         })
                  .ok());
  gpt2_->TakeGenerate().Finish(" am");
  ASSERT_NE(reply, nullptr);
  EXPECT_THAT(reply->ShortDebugString(), HasSubstr(R"(contents { bytes_contents: " am" })"));
}

}  // namespace
}  // namespace chorus::gateway
