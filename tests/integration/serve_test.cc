// `chorus serve` with the demo models, as its users meet it: the tutorial's curl, gRPC, wrong
// requests, a killed runner, Ctrl-C.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "proto/chorus/v1/inference.grpc.pb.h"
#include "tests/integration/process.h"

namespace chorus {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr seconds kStartPatience(
    120);  // Four processes on a busy machine, perhaps under a sanitizer.

// One running `chorus serve` on free ports, with a model store of its own.
class Serve {
 public:
  explicit Serve(std::vector<std::string> arguments = {}) : dir_(MakeTempDir()) {
    std::vector<std::string> command = {
        CHORUS_BINARY_DIR "/chorus", "serve", "--port", "0", "--grpc_port", "0"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    process_ = std::make_unique<Process>(
        command, dir_ + "/log",
        std::map<std::string, std::string>{{"CHORUS_HOME", dir_ + "/home"}});
    // Chorus is ready: HTTP http://127.0.0.1:41233, gRPC 127.0.0.1:33127
    const std::string line = process_->WaitForLine("Chorus is ready", kStartPatience);
    const size_t http = line.find("http://");
    const size_t grpc = line.find("gRPC ");
    if (http == std::string::npos || grpc == std::string::npos) return;
    http_ = line.substr(http, line.find_first_of(", ", http) - http);
    grpc_ = line.substr(grpc + 5);
  }
  ~Serve() {
    process_.reset();
    std::filesystem::remove_all(dir_);
  }

  bool ready() const { return !http_.empty(); }
  const std::string& http() const { return http_; }
  const std::string& grpc() const { return grpc_; }
  Process& process() { return *process_; }

  // The pid of the child whose command line holds `text`; 0 if there is none.
  pid_t Child(const std::string& text) const {
    for (const auto& [pid, command] : ChildrenOf(process_->pid())) {
      if (command.find(text) != std::string::npos) return pid;
    }
    return 0;
  }

 private:
  const std::string dir_;
  std::unique_ptr<Process> process_;
  std::string http_;
  std::string grpc_;
};

struct Reply {
  int code = 0;
  std::string body;
};

// Runs curl with these arguments; the code is 0 if there was no answer.
Reply Curl(const std::string& arguments) {
  const ShellResult result =
      Shell("curl -s --max-time 300 -w '\\n%{http_code}' " + arguments + " 2>/dev/null");
  const size_t newline = result.out.rfind('\n');
  return {std::stoi(result.out.substr(newline + 1)), result.out.substr(0, newline)};
}

Reply ClassifyGeneratedTexts(const Serve& serve, const std::string& query = "") {
  return Curl("-X POST '" + serve.http() + "/classify_generated_texts" + query +
              "' -H 'Content-Type: text/plain' -d 'I have an idea!'");
}

class ServeTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { serve_ = new Serve(); }
  static void TearDownTestSuite() {
    delete serve_;
    serve_ = nullptr;
  }
  void SetUp() override { ASSERT_TRUE(serve_->ready()) << serve_->process().Log(); }

  static std::unique_ptr<v1::InferenceService::Stub> Stub() {
    return v1::InferenceService::NewStub(
        grpc::CreateChannel(serve_->grpc(), grpc::InsecureChannelCredentials()));
  }

  static Serve* serve_;
};
Serve* ServeTest::serve_ = nullptr;

TEST_F(ServeTest, AnswersTheTutorialsCurl) {
  const Reply reply = ClassifyGeneratedTexts(*serve_);
  ASSERT_EQ(reply.code, 200) << reply.body;
  EXPECT_THAT(reply.body, StartsWith(R"([{"generated":"I have an idea!)"));
  const json results = json::parse(reply.body);
  ASSERT_THAT(results, SizeIs(3));
  size_t num_new_bytes = 0;  // Of all three: about one text in a hundred ends at once.
  for (const json& result : results) {
    EXPECT_THAT(result, SizeIs(2));
    EXPECT_THAT(result["generated"].get<std::string>(), StartsWith("I have an idea!"));
    num_new_bytes += result["generated"].get<std::string>().size() - strlen("I have an idea!");
    EXPECT_GE(result["score"].get<double>(), 0.5);  // The likelier of two labels.
    EXPECT_LE(result["score"].get<double>(), 1.0);
  }
  EXPECT_GT(num_new_bytes, 0u);
}

TEST_F(ServeTest, GivesBranchesInGraphOrder) {
  const Reply reply = ClassifyGeneratedTexts(*serve_, "?details=true&max_new_tokens=4");
  ASSERT_EQ(reply.code, 200) << reply.body;
  const json results = json::parse(reply.body);
  ASSERT_THAT(results, SizeIs(3));
  EXPECT_EQ(results[0]["model"], "gpt2-generation");
  EXPECT_EQ(results[1]["model"], "distilgpt2-generation");
  EXPECT_EQ(results[2]["model"], "gpt2-medium-generation");
  EXPECT_TRUE(results[0]["label"] == "POSITIVE" || results[0]["label"] == "NEGATIVE");
}

TEST_F(ServeTest, TwoCallsDifferAndTwoWithOneSeedDoNot) {
  EXPECT_NE(ClassifyGeneratedTexts(*serve_).body, ClassifyGeneratedTexts(*serve_).body);
  const Reply seeded = ClassifyGeneratedTexts(*serve_, "?seed=7");
  ASSERT_EQ(seeded.code, 200) << seeded.body;
  EXPECT_EQ(seeded.body, ClassifyGeneratedTexts(*serve_, "?seed=7").body);
  EXPECT_NE(seeded.body, ClassifyGeneratedTexts(*serve_, "?seed=8").body);
}

// The events of a stream of JSON lines, in order, each as {"token": {...}} and so on.
std::vector<json> Events(const Reply& reply) {
  EXPECT_EQ(reply.code, 200) << reply.body;
  std::vector<json> events;
  std::istringstream lines(reply.body);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) events.push_back(json::parse(line));
  }
  return events;
}

std::vector<json> Stream(const Serve& serve, const std::string& query) {
  return Events(Curl("-N -X POST '" + serve.http() + "/classify_generated_texts:stream" + query +
                     "' -H 'Content-Type: text/plain' -H 'Accept: application/x-ndjson' "
                     "-d 'I have an idea!'"));
}

TEST_F(ServeTest, AStreamBringsWhatTheWholeReplyHas) {
  for (const char* query : {"?seed=7", "?seed=8&num_return_sequences=2&temperature=1.5&top_p=0.9",
                            "?do_sample=false&max_new_tokens=30&repetition_penalty=1.2"}) {
    const json whole = json::parse(ClassifyGeneratedTexts(*serve_, query).body);
    std::vector<std::string> texts(whole.size(), "I have an idea!");
    std::vector<double> scores(whole.size());
    std::vector<int> num_ends(whole.size());
    const std::vector<json> events = Stream(*serve_, query);
    for (const json& event : events) {
      if (event.contains("token")) {
        const json& token = event["token"];
        const size_t index = token["index"].get<size_t>();
        EXPECT_EQ(num_ends.at(index), 0) << "a token after the text's end";
        texts.at(index) += token["text"].get<std::string>();
        num_ends[index] += token.contains("finish_reason");
      } else if (event.contains("score")) {
        const size_t index = event["score"]["index"].get<size_t>();
        EXPECT_EQ(num_ends.at(index), 1) << "a score before the text's end";
        scores[index] = event["score"]["score"].get<double>();
      }
    }
    ASSERT_FALSE(events.empty());
    EXPECT_TRUE(events.back().contains("done")) << events.back();
    for (size_t i = 0; i < whole.size(); ++i) {
      EXPECT_EQ(texts[i], whole[i]["generated"].get<std::string>()) << query;
      EXPECT_EQ(scores[i], whole[i]["score"].get<double>()) << query;
    }
  }
}

TEST(ServeGraph, AStreamOfAChainBringsTheWholeReplysTexts) {
  const std::string dir = MakeTempDir();
  std::ofstream(dir + "/chain.yaml") << R"(name: chain
nodes:
- {name: plan, generate: {runner: gpt2-medium-generation, max_new_tokens: 6}}
- {name: first, generate: {runner: gpt2-generation, input: plan, max_new_tokens: 10}}
- {name: second, generate: {runner: distilgpt2-generation, input: first, max_new_tokens: 10}}
- {name: aside, generate: {runner: distilgpt2-generation, input: plan, max_new_tokens: 5}}
- {name: score, classify: {runner: bert-base-uncased-classification, inputs: [second, first, aside]}}
output: score
)";
  Serve serve({"--graph", dir + "/chain.yaml"});
  ASSERT_TRUE(serve.ready()) << serve.process().Log();
  const auto call = [&](const std::string& verb) {
    return Curl(serve.http() + "/v1/graphs/chain:" + verb +
                " -H 'Accept: application/x-ndjson, application/json' --json '{\"text\": \"I have "
                "an idea!\", \"seed\": 7, \"ignore_eos\": true, \"num_return_sequences\": 2}'")
        .body;
  };
  const json whole = json::parse(call("run"))["results"];
  ASSERT_THAT(whole, SizeIs(6));
  std::vector<std::string> texts(whole.size(), "I have an idea!");
  std::istringstream lines(call("streamRun"));
  json event;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    event = json::parse(line);
    if (!event.contains("token") || !event["token"].contains("index")) continue;
    texts.at(event["token"]["index"].get<size_t>()) += event["token"]["text"].get<std::string>();
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_EQ(texts[i], whole[i]["generated"].get<std::string>()) << i;
  }
  EXPECT_EQ(event["done"]["generated_tokens"], 2 * (6 + 10 + 10 + 5)) << event;
  std::filesystem::remove_all(dir);
}

TEST_F(ServeTest, AScoreComesBeforeTheSlowestBranchEnds) {
  const std::vector<json> events = Stream(*serve_, "?do_sample=false&ignore_eos=true");
  const auto first_score = std::find_if(events.begin(), events.end(),
                                        [](const json& event) { return event.contains("score"); });
  ASSERT_NE(first_score, events.end());
  EXPECT_TRUE(std::any_of(first_score, events.end(),
                          [](const json& event) { return event.contains("token"); }));
}

TEST_F(ServeTest, AStreamRefusedEarlyHasTheCallsOwnCode) {
  const std::string stream = serve_->http() + "/classify_generated_texts:stream";
  EXPECT_EQ(Curl("-X POST '" + stream + "?temperature=-1' -d x -H 'Content-Type: text/plain'").code,
            400);
  // The runner finds this, after the call has begun.
  const Reply reply = Curl("-X POST '" + stream +
                           "?max_length=2' -d 'I have an idea!' -H 'Content-Type: text/plain'");
  EXPECT_EQ(reply.code, 400);
  EXPECT_THAT(reply.body, HasSubstr("max_length"));
  EXPECT_EQ(Curl("-X POST '" + stream + "' -d x -H 'Accept: application/json'").code, 406);
}

TEST_F(ServeTest, TextsEndBeforeAStopStringAndWithTheirLogprobs) {
  const std::string generate = serve_->http() + "/v1/models/gpt2-generation:generate --json ";
  const json free = json::parse(
      Curl(generate + R"('{"text": "I have", "do_sample": false, "max_new_tokens": 20}')").body);
  const std::string text = free["generated"].get<std::string>();
  const std::string stop = text.substr(text.size() - 6, 4);
  const json stopped = json::parse(Curl(generate + "'" +
                                        json({{"text", "I have"},
                                              {"do_sample", false},
                                              {"max_new_tokens", 20},
                                              {"stop", {stop}},
                                              {"logprobs", 2},
                                              {"echo", false}})
                                            .dump() +
                                        "'")
                                       .body);
  EXPECT_EQ(stopped["generated"], text.substr(6, text.find(stop, 6) - 6)) << stop;
  EXPECT_EQ(stopped["finish_reason"], "FINISH_REASON_STOP_STRING");
  const json& tokens = stopped["logprobs"]["tokens"];
  ASSERT_GE(tokens.size(), 1u);
  for (const json& token : tokens) {
    ASSERT_THAT(token["top"], SizeIs(2));
    EXPECT_EQ(token["top"][0]["id"], token["id"]);  // Greedy takes the likeliest.
    EXPECT_GE(token["top"][0]["logprob"], token["top"][1]["logprob"]);
  }
}

// Of each text of a reply of :generate: its tokens and log-probabilities.
struct Counts {
  uint32_t tokens = 0;
  uint32_t logprobs = 0;
  bool operator==(const Counts&) const = default;
};

TEST_F(ServeTest, CountsEveryTokenHoweverATextEnds) {
  const std::string model = serve_->http() + "/v1/models/gpt2-generation:";
  std::set<std::string> reasons;
  for (const json& ending : std::vector<json>{
           {{"max_new_tokens", 100}},  // Most end of themselves.
           {{"max_new_tokens", 9}, {"ignore_eos", true}},
           {{"stop", {" the", ", and"}}},  // The end of a token, and several of them.
           {{"stop", {"e"}}, {"temperature", 1.5}},
           {{"stop", {"\n\n\n", "th", "qz"}}, {"max_new_tokens", 60}, {"ignore_eos", true}},
           {{"top_k", 0}, {"temperature", 8.0}, {"max_new_tokens", 40}}}) {  // Broken characters.
    json request = ending;
    request.update({{"text", "I have"}, {"seed", 7}, {"num_return_sequences", 6}, {"logprobs", 1}});
    const std::string arguments = " --json '" + request.dump() + "'";
    const Reply whole = Curl(model + "generate" + arguments);
    ASSERT_EQ(whole.code, 200) << whole.body;
    std::vector<Counts> counts, streamed(6);
    const json reply = json::parse(whole.body);
    std::vector<json> texts = {reply};
    texts.insert(texts.end(), reply["others"].begin(), reply["others"].end());
    uint32_t total = 0;
    for (const json& text : texts) {
      reasons.insert(text["finish_reason"].get<std::string>());
      const auto tokens = text["generated_tokens"].get<uint32_t>();
      counts.push_back({tokens, static_cast<uint32_t>(text["logprobs"]["tokens"].size())});
      EXPECT_EQ(counts.back(), (Counts{tokens, tokens})) << request << text;
      total += tokens;
    }
    const std::vector<json> events = Events(
        Curl("-N " + model + "streamGenerate -H 'Accept: application/x-ndjson'" + arguments));
    for (const json& event : events) {
      if (!event.contains("token")) continue;
      const json& token = event["token"];
      const auto num_tokens = token["num_tokens"].get<uint32_t>();
      Counts& of_text = streamed.at(token["index"].get<size_t>());
      of_text.tokens += num_tokens;
      if (token.contains("logprobs")) {
        EXPECT_EQ(token["logprobs"]["tokens"].size(), num_tokens) << token;
        of_text.logprobs += num_tokens;
      }
      EXPECT_TRUE(num_tokens > 0 || token["text"] == "") << token;
    }
    EXPECT_EQ(streamed, counts) << request;
    ASSERT_FALSE(events.empty());
    EXPECT_EQ(events.back()["done"]["generated_tokens"], total) << events.back();
  }
  EXPECT_THAT(reasons, ElementsAre("FINISH_REASON_LENGTH", "FINISH_REASON_STOP",
                                   "FINISH_REASON_STOP_STRING"));
}

TEST_F(ServeTest, TokenizesAndDetokenizes) {
  const std::string model = serve_->http() + "/v1/models/gpt2-generation:";
  const json tokens =
      json::parse(Curl(model + "tokenize --json '{\"text\": \"I have an idée!\"}'").body)["tokens"];
  std::string text;
  std::vector<int> ids;
  int end = 0;
  for (const json& token : tokens) {
    EXPECT_EQ(token["begin"], end);
    end = token["end"].get<int>();
    ids.push_back(token["id"].get<int>());
  }
  EXPECT_EQ(end, 16);  // Bytes.
  EXPECT_EQ(
      json::parse(
          Curl(model + "detokenize --json '" + json({{"ids", ids}}).dump() + "'").body)["text"],
      "I have an idée!");
  EXPECT_EQ(Curl(model + "detokenize --json '{\"ids\": [999999]}'").code, 400);
}

TEST_F(ServeTest, ATextIsCutSoThatItIsScoredByTheDeadline) {
  // Greedy texts of 240 tokens take some 50 ms of a quiet machine; on a busy one all may fail.
  for (const int milliseconds : {40, 80, 160, 320, 640, 1280}) {
    const Reply reply = Curl("-D - -X POST '" + serve_->http() +
                             "/classify_generated_texts?do_sample=false&max_length=240&details=true"
                             "&ignore_eos=true' -H 'Content-Type: text/plain' -d 'I' -H "
                             "'X-Request-Timeout-Ms: " +
                             std::to_string(milliseconds) + "'");
    EXPECT_TRUE(reply.code == 200 || reply.code == 504) << reply.body;
    if (reply.code != 200) continue;
    const bool is_cut = reply.body.find("FINISH_REASON_DEADLINE") != std::string::npos;
    EXPECT_EQ(reply.body.find("X-Chorus-Finish-Reason: deadline") != std::string::npos, is_cut);
  }
}

TEST_F(ServeTest, ExplainsWhereTheTimeWent) {
  const json results = json::parse(
      ClassifyGeneratedTexts(*serve_, "?explain=true&max_new_tokens=9&ignore_eos=true").body);
  for (const json& result : results) {
    const json& timing = result["timing"];
    for (const char* stage : {"queue", "prefill", "decode", "classify"}) {
      EXPECT_GE(timing[stage].get<double>(), 0) << stage;
      EXPECT_LT(timing[stage].get<double>(), 60) << stage;
    }
    EXPECT_GT(timing["decode"].get<double>(), 0);
    EXPECT_GE(timing["mean_batch_size"].get<double>(), 1);
    EXPECT_GE(timing["classify_batch_size"].get<int>(), 1);
    EXPECT_EQ(timing["generated_tokens"], 9);
    EXPECT_GE(timing["prompt_tokens"].get<int>(), 1);
    EXPECT_TRUE(timing["runner"].get<std::string>().ends_with("-generation")) << timing;
    EXPECT_EQ(timing["model_version"], "demo");
    EXPECT_EQ(timing["classifier_version"], "demo");
  }
}

TEST_F(ServeTest, AReportedSeedMakesTheTextAgain) {
  const json first = json::parse(ClassifyGeneratedTexts(*serve_, "?details=true").body);
  const std::string seed = first[0]["seed"].get<std::string>();
  EXPECT_EQ(first, json::parse(ClassifyGeneratedTexts(*serve_, "?details=true&seed=" + seed).body));
}

TEST_F(ServeTest, ASeededCallIsTheSameAmongOthers) {
  const Reply alone = ClassifyGeneratedTexts(*serve_, "?seed=11");
  std::vector<std::future<Reply>> replies;
  for (int i = 0; i < 24; ++i) {
    const std::string query = i % 3 == 0 ? "?seed=11" : "";
    replies.push_back(
        std::async(std::launch::async, [query] { return ClassifyGeneratedTexts(*serve_, query); }));
  }
  for (int i = 0; i < 24; ++i) {
    const Reply reply = replies[i].get();
    ASSERT_EQ(reply.code, 200) << reply.body;
    if (i % 3 == 0) {
      EXPECT_EQ(reply.body, alone.body);
    }
  }
}

TEST_F(ServeTest, HttpAndGrpcGiveTheSameTexts) {
  v1::ClassifyGeneratedTextsRequest request;
  request.set_text("I have an idea!");
  request.set_seed(7);
  v1::ClassifyGeneratedTextsResponse response;
  grpc::ClientContext context;
  const grpc::Status status = Stub()->ClassifyGeneratedTexts(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const json over_http = json::parse(ClassifyGeneratedTexts(*serve_, "?seed=7").body);
  ASSERT_EQ(response.results_size(), 3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(response.results(i).generated(), over_http[i]["generated"].get<std::string>());
    EXPECT_EQ(response.results(i).score(), over_http[i]["score"].get<double>());
    EXPECT_FALSE(response.results(i).has_label());
  }
}

TEST_F(ServeTest, RunsAGraphByJsonObject) {
  const Reply reply =
      Curl(serve_->http() +
           "/v1/graphs/inference_graph:run --json '{\"text\": \"I have an idea!\", \"seed\": 7}'");
  ASSERT_EQ(reply.code, 200) << reply.body;
  EXPECT_EQ(json::parse(reply.body)["results"],
            json::parse(ClassifyGeneratedTexts(*serve_, "?seed=7").body));
}

TEST_F(ServeTest, GeneratesWithOneModel) {
  const Reply reply = Curl(serve_->http() +
                           "/v1/models/distilgpt2-generation:generate --json '{\"text\": \"Once\", "
                           "\"max_new_tokens\": 5}'");
  ASSERT_EQ(reply.code, 200) << reply.body;
  const json result = json::parse(reply.body);
  EXPECT_THAT(result["generated"].get<std::string>(), StartsWith("Once"));
  EXPECT_LE(result["generated_tokens"].get<int>(), 5);
}

TEST_F(ServeTest, ClassifiesTexts) {
  const Reply reply =
      Curl(serve_->http() +
           "/v1/models/bert-base-uncased-classification:classify --json "
           "'{\"texts\": [\"a wonderful, touching film\", \"a dull and stupid mess\"]}'");
  ASSERT_EQ(reply.code, 200) << reply.body;
  const json results = json::parse(reply.body)["results"];
  ASSERT_THAT(results, SizeIs(2));
  EXPECT_EQ(results[0]["label"], "POSITIVE");
  EXPECT_EQ(results[1]["label"], "NEGATIVE");
  EXPECT_NEAR(results[0]["scores"][0]["score"].get<double>() +
                  results[0]["scores"][1]["score"].get<double>(),
              1.0, 1e-9);
}

TEST_F(ServeTest, TellsOfATextThatTheClassifierCutsOrRefusesIt) {
  std::string text = "good";
  for (int i = 0; i < 599; ++i) text += " good";
  const std::string classify =
      serve_->http() + "/v1/models/bert-base-uncased-classification:classify --json ";
  const Reply cut = Curl(classify + "'" + json({{"texts", {"a good film", text}}}).dump() + "'");
  ASSERT_EQ(cut.code, 200) << cut.body;
  const json results = json::parse(cut.body)["results"];
  EXPECT_EQ(results[0]["num_tokens"], 5);
  EXPECT_EQ(results[0]["truncated"], false);
  EXPECT_EQ(results[1]["num_tokens"], 602);
  EXPECT_EQ(results[1]["truncated"], true);
  const Reply refused = Curl(
      classify + "'" + json({{"texts", {"a good film", text}}, {"truncate", false}}).dump() + "'");
  EXPECT_EQ(refused.code, 400);
  EXPECT_THAT(refused.body, HasSubstr("texts[1] has 602 tokens and the model reads at most 512"));
}

TEST_F(ServeTest, ReadsSpecialTokensAsCharactersWhereTheRequestSaysSo) {
  const std::string tokenize = serve_->http() + "/v1/models/gpt2-generation:tokenize --json ";
  const auto num_tokens = [&](const json& request) {
    return json::parse(Curl(tokenize + "'" + request.dump() + "'").body)["tokens"].size();
  };
  EXPECT_EQ(num_tokens({{"text", "<|endoftext|>"}}), 1u);
  EXPECT_GT(num_tokens({{"text", "<|endoftext|>"}, {"split_special_tokens", true}}), 1u);
  const auto generated = [](bool split) {
    const json request = {
        {"text", "a<|endoftext|>b"}, {"seed", 7}, {"split_special_tokens", split}};
    const Reply reply =
        Curl(serve_->http() + "/v1/graphs/inference_graph:run --json '" + request.dump() + "'");
    EXPECT_EQ(reply.code, 200) << reply.body;
    return json::parse(reply.body)["results"];
  };
  EXPECT_NE(generated(true), generated(false));
}

TEST_F(ServeTest, AMaximalClassifyFailsNoGraphCallBesideIt) {
#ifdef __SANITIZE_ADDRESS__
  constexpr int kNumTexts = 128;  // What 1,024 take without it.
#else
  constexpr int kNumTexts = 1024;
#endif
  std::string text, texts;
  for (int i = 0; i < 190; ++i) text += "good ";
  for (int i = 0; i < kNumTexts; ++i) texts += (i == 0 ? "\"" : ", \"") + text + "\"";
  const std::string dir = MakeTempDir();
  std::ofstream(dir + "/body") << R"({"texts": [)" << texts << "]}";
  const std::string classify = "--max-time 280 '" + serve_->http() +
                               "/v1/models/bert-base-uncased-classification:classify' --json @" +
                               dir + "/body";
  auto maximal = std::async(std::launch::async, [&] { return Curl(classify); });
  do {
    std::vector<std::future<Reply>> calls;
    for (int i = 0; i < 8; ++i) {
      calls.push_back(std::async(std::launch::async, [] {
        return ClassifyGeneratedTexts(*serve_, "?max_new_tokens=4&seed=7");
      }));
    }
    for (auto& call : calls) {
      const Reply reply = call.get();
      EXPECT_EQ(reply.code, 200) << reply.body;
    }
  } while (maximal.wait_for(seconds(0)) != std::future_status::ready);
  const Reply reply = maximal.get();
  EXPECT_EQ(reply.code, 200);
  EXPECT_THAT(json::parse(reply.body)["results"], SizeIs(kNumTexts));
  std::filesystem::remove_all(dir);
}

TEST_F(ServeTest, RefusesWrongRequestsSayingWhatIsWrong) {
  struct Case {
    std::string arguments;  // After the server's address.
    int code;
    std::string message;
  };
  const std::string text = " -H 'Content-Type: text/plain' -d 'I have an idea!'";
  const std::string classify = "/classify_generated_texts";
  for (const Case& c : std::vector<Case>{
           {classify + "?max_length=0" + text, 400, "max_length"},
           {classify + "?max_length=100000" + text, 400, "100000"},
           {classify + "?max_length=abc" + text, 400, "max_length"},
           {classify + "?temperature=-1" + text, 400, "temperature"},
           {classify + "?temperature=nan" + text, 400, "temperature"},
           {classify + "?top_p=0" + text, 400, "top_p"},
           {classify + "?top_p=1.5" + text, 400, "top_p"},
           {classify + "?top_k=-1" + text, 400, "top_k"},
           {classify + "?seed=x" + text, 400, "seed"},
           {classify + "?colour=red" + text, 400, "colour"},
           {classify + "?max_length=3" + text, 400, "max_length"},
           {classify + " --json '{\"text\": \"x\"}'", 400, ":run"},
           {classify + " -d '{\"text\": \"x\"}'", 400, "Content-Type: application/json"},
           {classify + " -d 'text=x&colour=red'", 400, "colour"},
           {classify + " -F text=x", 415, "multipart"},
           {classify + " -H 'Content-Type: text/plain' -d \"$(printf '\\377')\"", 400, "UTF-8"},
           {classify + " -H 'Content-Type: image/png' -d x", 415, "image/png"},
           {classify + " -H 'Content-Encoding: gzip' -d x", 415, "Content-Encoding"},
           {classify + " -H 'Accept: image/png' -d x", 406, "application/json"},
           {classify, 405, "POST"},
           {"/nothing", 404, "/nothing"},
           {"/v1/graphs/none:run --json '{\"text\": \"x\"}'", 404, "none"},
           {"/v1/models/none:generate --json '{\"text\": \"x\"}'", 404, "none"},
           {"/v1/graphs/inference_graph:run --json '{\"text\": 1}'", 400, "text"},
           {"/v1/graphs/inference_graph:run --json '{\"text\": \"x\", \"txt\": 1}'", 400, "txt"},
           {"/v1/graphs/inference_graph:run --json '{\"text\": \"x\",}'", 400, ""},
           {"/v1/graphs/inference_graph:run --json '{\"text\": \"x\", \"text\": \"y\"}'", 400,
            "text"},
           {"/v1/models/bert-base-uncased-classification:generate --json '{\"text\": \"x\"}'", 400,
            "classif"},
           {"/v1/models/gpt2-generation:classify --json '{\"texts\": [\"x\"]}'", 400, "generat"},
           {"/v1/models/bert-base-uncased-classification:classify --json '{\"texts\": []}'", 400,
            "texts"},
       }) {
    const Reply reply = Curl(serve_->http() + c.arguments);
    EXPECT_EQ(reply.code, c.code) << c.arguments << "\n" << reply.body;
    const json body = json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
    ASSERT_TRUE(body.is_object()) << c.arguments << "\n" << reply.body;
    EXPECT_EQ(body["error"]["code"], c.code);
    EXPECT_THAT(body["error"]["message"].get<std::string>(), HasSubstr(c.message)) << c.arguments;
  }
}

TEST_F(ServeTest, AnEmptyTextStartsFromBos) {
  const Reply reply =
      Curl("-X POST '" + serve_->http() +
           "/classify_generated_texts' -H 'Content-Type: text/plain' -H 'Content-Length: 0'");
  EXPECT_EQ(reply.code, 200) << reply.body;
}

TEST_F(ServeTest, RefusesABodyOverTheLimit) {
  for (const char* framing : {"", " -H 'Transfer-Encoding: chunked'"}) {
    const ShellResult over = Shell(
        "head -c 1048577 /dev/zero | tr '\\0' a | curl -s -o /dev/null -w '%{http_code}' -X POST "
        "'" +
        serve_->http() + "/classify_generated_texts' -H 'Content-Type: text/plain'" + framing +
        " --data-binary @-");
    EXPECT_EQ(over.out, "413") << framing;
  }
}

TEST_F(ServeTest, HonoursTheDeadline) {
  const Reply reply = Curl(
      "-X POST '" + serve_->http() +
      "/classify_generated_texts' -H 'Content-Type: text/plain' -H 'X-Request-Timeout-Ms: 1' -d x");
  EXPECT_EQ(reply.code, 504) << reply.body;
}

TEST_F(ServeTest, AnswersProbes) {
  for (const char* path : {"/livez", "/readyz", "/healthz"}) {
    const Reply reply = Curl(serve_->http() + path);
    EXPECT_EQ(reply.code, 200) << path;
    EXPECT_EQ(reply.body, "\n") << path;
  }
}

TEST_F(ServeTest, CountsRequestsUnderBentosNames) {
  ASSERT_EQ(ClassifyGeneratedTexts(*serve_, "?max_new_tokens=1").code, 200);
  const Reply reply = Curl(serve_->http() + "/metrics");
  ASSERT_EQ(reply.code, 200);
  for (const char* name :
       {"bentoml_api_server_request_total{", "bentoml_api_server_request_duration_seconds_bucket{",
        "bentoml_api_server_request_in_progress{",
        "chorus_stage_seconds_bucket{graph=\"inference_graph\",node=\"gpt2\",stage=\"decode\"",
        "chorus_time_to_first_token_seconds_bucket{model=\"gpt2-generation\"",
        "chorus_inter_token_seconds_bucket{model=\"gpt2-generation\""}) {
    EXPECT_THAT(reply.body, HasSubstr(name));
  }
  EXPECT_THAT(reply.body, HasSubstr("endpoint=\"/classify_generated_texts\""));
}

TEST_F(ServeTest, HasItsRunnersMetricsOnTheGatewaysPage) {
  ASSERT_EQ(ClassifyGeneratedTexts(*serve_, "?max_new_tokens=3&ignore_eos=true").code, 200);
  const std::string page = Curl(serve_->http() + "/metrics").body;
  for (const char* model : {"gpt2-generation", "distilgpt2-generation", "gpt2-medium-generation"}) {
    const std::string labels = "{replica=\"0\",model=\"" + std::string(model) + "\"} ";
    const std::string tokens = "\nchorus_generated_tokens_total" + labels;
    ASSERT_THAT(page, HasSubstr(tokens));
    EXPECT_GE(std::stod(page.substr(page.find(tokens) + tokens.size())), 3) << model;
    EXPECT_THAT(page, HasSubstr("\nchorus_runner_queued_tokens" + labels));
    EXPECT_THAT(page, HasSubstr("\nchorus_kv_cache_used_ratio" + labels));
  }
  // Each family once, as the format demands; of some both the gateway and the runners have samples.
  std::istringstream lines(page);
  std::set<std::string> types;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(types.insert(line).second) << line;
    }
  }
  EXPECT_GT(types.count("# TYPE chorus_time_to_first_token_seconds histogram"), 0u);
}

TEST_F(ServeTest, EchoesTheRequestId) {
  const ShellResult reply =
      Shell("curl -si '" + serve_->http() + "/livez' -H 'X-Request-Id: abc-1' | tr -d '\\r'");
  EXPECT_THAT(reply.out, HasSubstr("\nX-Request-Id: abc-1\n"));
  EXPECT_THAT(reply.out, HasSubstr("\nX-BentoML-Request-ID: abc-1\n"));
}

TEST(ServeFaults, AKilledRunnerIsNamedAndComesBack) {
  Serve serve;
  ASSERT_TRUE(serve.ready()) << serve.process().Log();
  const pid_t runner = serve.Child("--name gpt2-generation ");
  ASSERT_GT(runner, 0);
  ASSERT_EQ(kill(runner, SIGKILL), 0);
  Reply failed;
  EXPECT_TRUE(
      Eventually([&] { return (failed = ClassifyGeneratedTexts(serve)).code != 200; }, seconds(5)));
  EXPECT_EQ(failed.code, 503) << failed.body;
  EXPECT_THAT(failed.body, HasSubstr("gpt2-generation"));
  EXPECT_THAT(failed.body, HasSubstr("UNAVAILABLE"));
  Reply back;
  EXPECT_TRUE(Eventually([&] { return (back = ClassifyGeneratedTexts(serve)).code == 200; },
                         kStartPatience))
      << back.body << serve.process().Log();
}

TEST(ServeFaults, AHangupReloadsAndAKilledGatewayComesBackWhereItWas) {
  Serve serve;
  ASSERT_TRUE(serve.ready()) << serve.process().Log();
  serve.process().Signal(SIGHUP);
  EXPECT_NE(serve.process().WaitForLine("reloaded graphs=inference_graph", seconds(10)), "")
      << serve.process().Log();
  ASSERT_EQ(kill(serve.Child("api_server"), SIGKILL), 0);
  Reply back;
  EXPECT_TRUE(
      Eventually([&] { return (back = ClassifyGeneratedTexts(serve)).code != 200; }, seconds(5)));
  EXPECT_TRUE(Eventually([&] { return (back = ClassifyGeneratedTexts(serve)).code == 200; },
                         kStartPatience))
      << back.body << serve.process().Log();
}

TEST(ServeFaults, CtrlCLetsRunningCallsFinishAndLeavesNothingBehind) {
  Serve serve;
  ASSERT_TRUE(serve.ready()) << serve.process().Log();
  const std::map<pid_t, std::string> children = ChildrenOf(serve.process().pid());
  EXPECT_THAT(children, SizeIs(5));
  std::vector<std::future<Reply>> replies;
  for (int i = 0; i < 8; ++i) {
    replies.push_back(std::async(std::launch::async,
                                 [&] { return ClassifyGeneratedTexts(serve, "?max_length=250"); }));
  }
  // Interrupt once the calls are in.
  ASSERT_TRUE(Eventually(
      [&] {
        return Curl(serve.http() + "/metrics")
                   .body.find("request_in_progress{endpoint=\"/classify_generated_texts\"") !=
               std::string::npos;
      },
      seconds(30)));
  serve.process().Signal(SIGINT);
  EXPECT_EQ(serve.process().WaitForExit(seconds(60)), 0) << serve.process().Log();
  for (std::future<Reply>& each : replies) {
    const Reply reply = each.get();
    // Answered whole, or (if it came after the signal) refused; never cut off.
    EXPECT_TRUE(reply.code == 200 || reply.code == 503 || (reply.code == 0 && reply.body.empty()))
        << reply.code;
  }
  for (const auto& [pid, command] : children) EXPECT_FALSE(Alive(pid)) << command;
}

TEST(ServeFaults, KilledItselfItLeavesNoChildren) {
  Serve serve;
  ASSERT_TRUE(serve.ready()) << serve.process().Log();
  const std::map<pid_t, std::string> children = ChildrenOf(serve.process().pid());
  serve.process().Signal(SIGKILL);
  EXPECT_TRUE(Eventually(
      [&] {
        return std::none_of(children.begin(), children.end(),
                            [](const auto& child) { return Alive(child.first); });
      },
      seconds(20)));
}

TEST(ServeFaults, ADamagedModelIsSaidAndEndsIt) {
  const std::string dir = MakeTempDir();
  std::filesystem::copy("models/demo/gpt2", dir + "/model");
  std::filesystem::resize_file(dir + "/model/model.safetensors", 100'000);
  Process serve({CHORUS_BINARY_DIR "/chorus", "serve", "--port", "0", "--grpc_port", "0", "--model",
                 "gpt2-generation=" + dir + "/model"},
                dir + "/log", {{"CHORUS_HOME", dir + "/home"}});
  EXPECT_EQ(serve.WaitForExit(kStartPatience), 1) << serve.Log();
  EXPECT_THAT(serve.Log(), ContainsRegex("chorus: gpt2-generation cannot start .exited with status "
                                         "1.; it last said: .*/model/model.safetensors"));
  std::filesystem::remove_all(dir);
}

TEST(ServeFaults, ATakenPortIsSaidAndEndsIt) {
  Serve first;
  ASSERT_TRUE(first.ready()) << first.process().Log();
  const std::string port = first.http().substr(first.http().rfind(':') + 1);
  const std::string dir = MakeTempDir();
  Process second({CHORUS_BINARY_DIR "/chorus", "serve", "--port", port, "--grpc_port", "0"},
                 dir + "/log", {{"CHORUS_HOME", dir + "/home"}});
  EXPECT_EQ(second.WaitForExit(kStartPatience), 1) << second.Log();
  EXPECT_THAT(second.Log(), HasSubstr(port));
  std::filesystem::remove_all(dir);
}

// Writes `value`, a bfloat16's bits, over `count` elements of a tensor from `first` on.
void Overwrite(const std::string& folder, const std::string& tensor, size_t first, size_t count,
               uint16_t value) {
  const std::string path = folder + "/model.safetensors";
  std::filesystem::permissions(path, std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  uint64_t header_size = 0;
  file.read(reinterpret_cast<char*>(&header_size), sizeof(header_size));
  std::string header(header_size, ' ');
  file.read(header.data(), static_cast<std::streamsize>(header_size));
  const json info = json::parse(header).at(tensor);
  ASSERT_EQ(info["dtype"], "BF16");
  file.seekp(static_cast<std::streamoff>(8 + header_size + info["data_offsets"][0].get<size_t>() +
                                         2 * first));
  for (size_t i = 0; i < count; ++i) file.write(reinterpret_cast<const char*>(&value), 2);
  ASSERT_TRUE(file.flush());
}

constexpr uint16_t kNan = 0x7FC0;
constexpr uint16_t kHuge = 0x7F61;  // 3e38: finite, but not what is computed with it.

TEST(ServeFaults, ALogitThatIsNotFiniteIsAnErrorAndNeverATextOrAScore) {
  const std::string dir = MakeTempDir();
  std::filesystem::copy("models/demo/gpt2", dir + "/gpt2");
  std::filesystem::copy("models/demo/bert-sst2", dir + "/bert");
  // Texts overflow from their 30th, or 100th, token on.
  Overwrite(dir + "/gpt2", "transformer.wpe.weight", size_t{30} * 192, 192, kHuge);
  Overwrite(dir + "/bert", "bert.embeddings.position_embeddings.weight", size_t{100} * 128, 128,
            kHuge);
  Serve serve({"--model", "gpt2-generation=" + dir + "/gpt2", "--model",
               "bert-base-uncased-classification=" + dir + "/bert"});
  ASSERT_TRUE(serve.ready()) << serve.process().Log();

  const std::string query = "?seed=7&ignore_eos=true&max_new_tokens=";
  EXPECT_EQ(ClassifyGeneratedTexts(serve, query + "9").code, 200);
  const Reply failed = ClassifyGeneratedTexts(serve, query + "40");
  EXPECT_EQ(failed.code, 500) << failed.body;
  EXPECT_THAT(failed.body, AllOf(HasSubstr("INTERNAL"), HasSubstr("gpt2-generation"),
                                 HasSubstr("a logit that is not finite")));

  const Reply partial = ClassifyGeneratedTexts(serve, query + "40&partial=true");
  ASSERT_EQ(partial.code, 200) << partial.body;
  const json results = json::parse(partial.body);
  EXPECT_EQ(results[0]["error"]["status"], "INTERNAL") << partial.body;
  EXPECT_FALSE(results[0].contains("generated") || results[0].contains("score"));
  for (const size_t other : {1, 2}) EXPECT_GE(results[other]["score"].get<double>(), 0.5);

  // A generator alone, so that it is not another branch's end that the stream has.
  const std::vector<json> events =
      Events(Curl("-N " + serve.http() + "/v1/models/gpt2-generation:streamGenerate --json '" +
                  R"({"text": "I", "seed": 7, "ignore_eos": true, "max_new_tokens": 40})" +
                  "' -H 'Accept: application/x-ndjson'"));
  ASSERT_GE(events.size(), 2u);
  EXPECT_TRUE(events.front().contains("token"));
  EXPECT_EQ(events.back()["error"]["status"], "INTERNAL") << events.back();

  const std::string classify =
      serve.http() + "/v1/models/bert-base-uncased-classification:classify --json '";
  std::string story;
  while (story.size() < 600) story += "a story ";
  EXPECT_EQ(Curl(classify + json({{"texts", {"a story"}}}).dump() + "'").code, 200);
  const Reply unscored = Curl(classify + json({{"texts", {"a story", story}}}).dump() + "'");
  EXPECT_EQ(unscored.code, 500) << unscored.body;
  EXPECT_THAT(unscored.body, AllOf(HasSubstr("bert-base-uncased-classification: texts[1]"),
                                   Not(HasSubstr("score"))));
  // What the page of the process says of it: once, not for each text.
  EXPECT_THAT(serve.process().Log(), HasSubstr("event=not_finite"));
  std::filesystem::remove_all(dir);
}

TEST(Run, SaysWhichWeightsOrThatALogitIsNotFinite) {
  const std::string dir = MakeTempDir();
  std::filesystem::copy("models/demo/gpt2", dir + "/gpt2");
  std::filesystem::copy("models/demo/bert-sst2", dir + "/bert");
  std::filesystem::copy("models/demo/bert-sst2", dir + "/huge");
  Overwrite(dir + "/gpt2", "transformer.h.1.ln_2.bias", 5, 2, kNan);
  Overwrite(dir + "/bert", "classifier.bias", 1, 1, kNan);
  // At the end of the longest text that a warm-up has not seen.
  Overwrite(dir + "/huge", "bert.embeddings.position_embeddings.weight", size_t{20} * 128, 128,
            kHuge);
  const auto run = [&](const std::string& folder, const std::string& dtype) {
    return Shell(CHORUS_BINARY_DIR "/chorus run " + dir + "/" + folder +
                 " 'a b c d e f g h i j k l m n o p q r s t u v w x y z' --dtype " + dtype);
  };
  for (const char* dtype : {"float32", "bfloat16", "int8", "int8_weight_only"}) {
    const ShellResult generator = run("gpt2", dtype), classifier = run("bert", dtype);
    EXPECT_EQ(generator.exit_status, 1);
    EXPECT_THAT(generator.out, HasSubstr("transformer.h.1.ln_2.bias (2 of 192 values)"));
    EXPECT_EQ(classifier.exit_status, 1);
    EXPECT_THAT(classifier.out, HasSubstr("classifier.bias (1 of 2 values)"));
    const ShellResult huge = run("huge", dtype);
    EXPECT_EQ(huge.exit_status, 1);
    EXPECT_THAT(huge.out, AllOf(HasSubstr("a logit that is not finite"), Not(HasSubstr("TIVE"))));
  }
  std::filesystem::remove_all(dir);
}

TEST(Run, ContinuesATextWithAModelAndRefusesOneThatWasChanged) {
  const std::string dir = MakeTempDir();
  const std::string run = "CHORUS_HOME=" + dir +
                          "/home " CHORUS_BINARY_DIR
                          "/chorus run gpt2-generation 'Once upon' --greedy --max_new_tokens 5";
  const ShellResult first = Shell(run);
  EXPECT_EQ(first.exit_status, 0);
  EXPECT_THAT(first.out, StartsWith("Once upon"));
  EXPECT_EQ(Shell(run).out, first.out);
  const std::string weights = dir + "/home/models/gpt2-generation/demo/model.safetensors";
  Shell("chmod u+w " + weights + " && printf x | dd of=" + weights +
        " bs=1 seek=100000 conv=notrunc");
  const ShellResult changed = Shell(run);
  EXPECT_EQ(changed.exit_status, 1);
  EXPECT_THAT(changed.out, HasSubstr("model.safetensors"));
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace chorus
