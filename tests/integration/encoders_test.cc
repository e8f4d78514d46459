// Scores, pairs and vectors of encoders through `chorus serve`, over HTTP and gRPC: the demo
// classifier, and the same weights as a model without a classification head.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "proto/chorus/v1/inference.grpc.pb.h"
#include "tests/integration/process.h"

namespace chorus {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kStartPatience(120);
constexpr char kClassifier[] = "bert-base-uncased-classification";

// The demo classifier's folder, as a model of another architecture whose head has a name that
// nothing asks for.
void PutHeadless(const std::string& folder) {
  std::filesystem::create_directory(folder);
  for (const auto& entry : std::filesystem::directory_iterator("models/demo/bert-sst2")) {
    std::filesystem::create_symlink(std::filesystem::absolute(entry.path()),
                                    std::filesystem::path(folder) / entry.path().filename());
  }
  json config = json::parse(std::ifstream("models/demo/bert-sst2/config.json"));
  config["architectures"] = {"BertModel"};
  std::filesystem::remove(folder + "/config.json");
  std::ofstream(folder + "/config.json") << config;
  std::ifstream file("models/demo/bert-sst2/model.safetensors");
  std::string weights{std::istreambuf_iterator<char>(file), {}};
  weights = absl::StrReplaceAll(weights, {{"\"classifier.", "\"klassifier."}});
  std::filesystem::remove(folder + "/model.safetensors");
  std::ofstream(folder + "/model.safetensors") << weights;
}

struct Reply {
  int code = 0;
  json body;
};

class EncodersTest : public ::testing::Test {
 protected:
  EncodersTest() { PutHeadless(headless_); }
  ~EncodersTest() override {
    process_.reset();
    std::filesystem::remove_all(dir_);
  }

  void Start(const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {
        CHORUS_BINARY_DIR "/chorus", "serve", "--port", "0", "--grpc_port", "0"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    std::filesystem::remove(dir_ + "/log");  // What the last one said.
    process_ = std::make_unique<Process>(
        command, dir_ + "/log",
        std::map<std::string, std::string>{{"CHORUS_HOME", dir_ + "/home"}});
  }

  void Serve(const std::vector<std::string>& arguments) {
    Start(arguments);
    const std::string line = process_->WaitForLine("Chorus is ready", kStartPatience);
    const size_t http = line.find("http://"), grpc = line.find("gRPC ");
    ASSERT_NE(grpc, std::string::npos) << process_->Log();
    http_ = line.substr(http, line.find_first_of(", ", http) - http);
    stub_ = v1::InferenceService::NewStub(
        grpc::CreateChannel(line.substr(grpc + 5), grpc::InsecureChannelCredentials()));
  }

  Reply Post(const std::string& path, const json& request) const {
    const std::string file = dir_ + "/request.json";
    std::ofstream(file) << request;
    const ShellResult result = Shell("curl -s --max-time 300 -w '\\n%{http_code}' '" + http_ +
                                     path + "' -H 'Content-Type: application/json' -d @" + file);
    const size_t newline = result.out.rfind('\n');
    return {std::stoi(result.out.substr(newline + 1)),
            json::parse(result.out.substr(0, newline), nullptr, false)};
  }

  const std::string dir_ = MakeTempDir();
  const std::string headless_ = dir_ + "/headless";
  std::unique_ptr<Process> process_;
  std::string http_;
  std::unique_ptr<v1::InferenceService::Stub> stub_;
};

double Length(const std::vector<float>& vector) {
  double square = 0;
  for (const float value : vector) square += double{value} * value;
  return std::sqrt(square);
}

TEST_F(EncodersTest, EmbedsAndReadsPairsOverHttpAndGrpc) {
  Serve({"--also", "minibert=" + headless_});
  const std::vector<std::string> texts = {"a wonderful film", "a dull and stupid mess", ""};
  const Reply plain = Post("/v1/models/minibert:embed", {{"texts", texts}});
  ASSERT_EQ(plain.code, 200) << plain.body;
  ASSERT_EQ(plain.body["results"].size(), 3u);
  EXPECT_EQ(plain.body["pooling"], "POOLING_MEAN");
  EXPECT_EQ(plain.body["normalized"], false);
  EXPECT_EQ(plain.body["results"][0]["num_tokens"], 5);
  EXPECT_EQ(plain.body["results"][0]["truncated"], false);

  // The same numbers over gRPC, and in bytes.
  v1::EmbedRequest request;
  request.set_model("minibert");
  for (const std::string& text : texts) request.add_texts(text);
  v1::EmbedResponse response;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->Embed(&context, request, &response).ok());
  }
  for (int i = 0; i < 3; ++i) {
    const std::vector<float> values(response.results(i).values().begin(),
                                    response.results(i).values().end());
    EXPECT_EQ(values.size(), 128u);
    EXPECT_EQ(plain.body["results"][i]["values"].get<std::vector<float>>(), values);
  }
  request.set_format(v1::EMBEDDING_FORMAT_BYTES);
  request.set_normalize(true);
  request.set_dimensions(7);
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->Embed(&context, request, &response).ok());
  }
  ASSERT_EQ(response.results(1).data().size(), 7 * sizeof(float));
  std::vector<float> cut(7);
  memcpy(cut.data(), response.results(1).data().data(), 7 * sizeof(float));
  EXPECT_NEAR(Length(cut), 1, 1e-6);
  const Reply encoded = Post("/v1/models/minibert:embed", {{"texts", texts},
                                                           {"format", "EMBEDDING_FORMAT_BYTES"},
                                                           {"normalize", true},
                                                           {"dimensions", 7}});
  EXPECT_EQ(encoded.body["results"][1]["data"].get<std::string>().size(), 40u);  // Base64 of 28.
  EXPECT_EQ(encoded.body["normalized"], true);

  // One vector is the same in any company.
  const Reply alone = Post("/v1/models/minibert:embed", {{"texts", {texts[1]}}});
  EXPECT_EQ(alone.body["results"][0], plain.body["results"][1]);

  // Pairs.
  const std::string classify = std::string("/v1/models/") + kClassifier + ":classify";
  const json pair = {{"texts", {"a wonderful film"}},
                     {"text_pairs", {"and a dull end"}},
                     {"score_kind", "SCORE_KIND_RAW"}};
  const Reply paired = Post(classify, pair);
  ASSERT_EQ(paired.code, 200) << paired.body;
  EXPECT_EQ(paired.body["score_kind"], "SCORE_KIND_RAW");
  EXPECT_EQ(paired.body["results"][0]["num_tokens"], 10);  // Two texts between three specials.
  const Reply single =
      Post(classify, {{"texts", {"a wonderful film"}}, {"score_kind", "SCORE_KIND_RAW"}});
  EXPECT_NE(single.body["results"][0]["scores"], paired.body["results"][0]["scores"]);
  v1::ClassifyRequest pair_request;
  pair_request.set_model(kClassifier);
  pair_request.add_texts("a wonderful film");
  pair_request.add_text_pairs("and a dull end");
  pair_request.set_score_kind(v1::SCORE_KIND_RAW);
  v1::ClassifyResponse scores;
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->Classify(&context, pair_request, &scores).ok());
  EXPECT_EQ(scores.results(0).score(), paired.body["results"][0]["score"].get<double>());
  EXPECT_EQ(Post(classify, {{"texts", {"a"}}}).body["score_kind"], "SCORE_KIND_SOFTMAX");

  const ShellResult bench = Shell(CHORUS_BINARY_DIR "/chorus bench run " + http_ +
                                  " --embedder minibert --clients 2 --calls 6 -o json 2>/dev/null");
  EXPECT_EQ(json::parse(bench.out, nullptr, false)["calls"]["ok"], 6) << bench.out;

  // A verb that is another model's.
  const Reply embedder = Post("/v1/models/minibert:classify", {{"texts", {"a"}}});
  EXPECT_EQ(embedder.code, 400);
  EXPECT_THAT(embedder.body.dump(), AllOf(HasSubstr("minibert (BertModel) is an embedder"),
                                          HasSubstr("--untrained_head SEED")));
  EXPECT_THAT(Post("/v1/models/minibert:generate", {{"text", "a"}}).body.dump(),
              HasSubstr("is an embedder, which implements Embed, not Generate"));
  const Reply classifier =
      Post(std::string("/v1/models/") + kClassifier + ":embed", {{"texts", {"a"}}});
  EXPECT_EQ(classifier.code, 400);
  EXPECT_THAT(classifier.body.dump(), HasSubstr("is a classifier, which implements Classify"));
  EXPECT_THAT(Post("/v1/models/gpt2-generation:embed", {{"texts", {"a"}}}).body.dump(),
              HasSubstr("is a generator, which implements Generate"));
  const Reply too_many = Post("/v1/models/minibert:embed", {{"texts", {"a"}}, {"dimensions", 129}});
  EXPECT_EQ(too_many.code, 400);
  EXPECT_THAT(too_many.body.dump(), HasSubstr("dimensions must be at most the model's 128: 129"));
}

TEST_F(EncodersTest, AnUntrainedHeadIsAskedForAndSaysSo) {
  const std::string model = std::string(kClassifier) + "=" + headless_;
  Start({"--model", model});
  EXPECT_EQ(process_->WaitForExit(kStartPatience), 1);
  EXPECT_THAT(process_->Log(), AllOf(HasSubstr("is an embedder (BertModel)"),
                                     HasSubstr("--untrained_head SEED gives this one")));
  Serve({"--model", model, "--untrained_head", "7"});
  EXPECT_THAT(process_->Log(), HasSubstr("ITS SCORES MEAN NOTHING"));
  const json prompt = {{"text", "I have an idea!"}, {"seed", 7}, {"max_new_tokens", 4}};
  json detailed = prompt;
  detailed["details"] = true;
  const Reply reply = Post("/v1/graphs/inference_graph:run", detailed);
  ASSERT_EQ(reply.code, 200) << reply.body;
  for (const json& result : reply.body["results"]) {
    EXPECT_EQ(result["untrained_head"], true);
    EXPECT_EQ(result["score_kind"], "SCORE_KIND_SOFTMAX");
  }
  for (const json& result : Post("/v1/graphs/inference_graph:run", prompt).body["results"]) {
    EXPECT_EQ(result.size(), 2u);  // Without details the tutorial's fields alone.
  }
  const json first =
      Post(std::string("/v1/models/") + kClassifier + ":classify", {{"texts", {"a film"}}}).body;
  EXPECT_EQ(first["untrained_head"], true);
  process_.reset();
  Serve({"--model", model, "--untrained_head", "7"});
  EXPECT_EQ(
      Post(std::string("/v1/models/") + kClassifier + ":classify", {{"texts", {"a film"}}}).body,
      first);
}

}  // namespace
}  // namespace chorus
