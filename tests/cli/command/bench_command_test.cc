// `chorus bench` as a user types it, against a server of the test.

#include <gmock/gmock.h>

#include <fstream>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>

#include "tests/cli/bench/scripted_http_server.h"
#include "tests/cli/command/command_fixture.h"
#include "tests/model_store/hub/tls_certificate.h"

namespace chorus {
namespace {

using bench::ScriptedHttpServer;
using Reply = ScriptedHttpServer::Reply;
using Request = ScriptedHttpServer::Request;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

void AnswerAtOnce(const Request&, Reply& reply) { reply.Whole(200, "[]"); }

std::string Read(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class BenchCommandTest : public CommandTest {
 protected:
  Result Bench(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "bench");
    return Run(arguments);
  }
};

TEST_F(BenchCommandTest, ReportsAClosedLoop) {
  const ScriptedHttpServer server(AnswerAtOnce);
  const Result result = Bench({"run", server.url(), "--clients", "2", "--calls", "50"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("graph inference_graph by http at " + server.url() +
                                     ", closed loop of 2\n50 calls in "));
  EXPECT_THAT(result.out, AllOf(HasSubstr(": 50 ok\n"), HasSubstr("\nend to end ")));
}

TEST_F(BenchCommandTest, TimesAStreamOfAnOpenAiServer) {
  const ScriptedHttpServer server([](const Request& request, Reply& reply) {
    if (!request.head.starts_with("POST /v1/completions ")) return reply.Whole(404, "{}");
    reply.BeginStream();
    for (const char* word : {" a", " b", " c"}) {
      reply.Chunk(std::string("data: {\"choices\":[{\"index\":0,\"text\":\"") + word + "\"}]}\n\n");
    }
    reply.Chunk("data: {\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"stop\"}]}\n\n");
    reply.Chunk("data: [DONE]\n\n");
    reply.EndStream();
  });
  const Result result =
      Bench({"run", server.url(), "--protocol", "openai", "--model", "gpt2", "--rate", "100",
             "--duration", "500ms", "--warmup", "0s", "--slo", "ttft=10s", "-o", "json"});
  EXPECT_EQ(result.status, 0) << result.err;
  const auto report = nlohmann::json::parse(result.out);
  EXPECT_GT(report["calls"]["good"], 20);
  EXPECT_EQ(report["branches"][0]["name"], "gpt2");
  EXPECT_EQ(report["branches"][0]["tokens"], 3 * report["calls"]["ok"].get<int>());
}

TEST_F(BenchCommandTest, TrustsTheCertificatesOfAFile) {
  ::signal(SIGPIPE, SIG_IGN);
  std::string certificate;
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> tls(store::MakeTlsContext(certificate),
                                                              &SSL_CTX_free);
  PutFile(temp_ / "ca.pem", certificate);
  const ScriptedHttpServer server(AnswerAtOnce, tls.get());
  const Result result = Bench(
      {"run", server.url(), "--ca_file", temp_ / "ca.pem", "--clients", "2", "--calls", "20"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(": 20 ok\n"));
  const Result untrusted = Bench({"run", server.url()});
  EXPECT_EQ(untrusted.status, 1);
  EXPECT_THAT(untrusted.err,
              EndsWith("first call: certificate refused: self-signed certificate\n"));
}

TEST_F(BenchCommandTest, AStallOfTheServersShowsInThePercentiles) {
  std::mutex mutex;
  int num_calls = 0;
  const ScriptedHttpServer server([&](const Request&, Reply& reply) {
    std::lock_guard lock(mutex);
    if (++num_calls == 50) std::this_thread::sleep_for(std::chrono::seconds(1));
    reply.Whole(200, "[]");
  });
  const Result result = Bench(
      {"run", server.url(), "--rate", "100", "--duration", "2s", "--warmup", "0s", "-o", "json"});
  EXPECT_EQ(result.status, 0) << result.err;
  const auto latency = nlohmann::json::parse(result.out)["latency"]["e2e"];
  // Half of the calls were due in that second.
  EXPECT_GT(latency["p99"], 0.9);
  EXPECT_GT(latency["p75"], 0.3);
}

TEST_F(BenchCommandTest, WritesFilesThatCompareReads) {
  const ScriptedHttpServer server(AnswerAtOnce);
  const std::string run = temp_ / "run.json", page = temp_ / "page.html", plot = temp_ / "plot.svg";
  ASSERT_EQ(
      Bench({"run", server.url(), "--calls", "20", "--save", run, "--html", page, "--svg", plot})
          .status,
      0);
  EXPECT_THAT(Read(page), AllOf(StartsWith("<!doctype html>"), EndsWith("</html>\n")));
  EXPECT_THAT(Read(plot), AllOf(StartsWith("<svg "), EndsWith("</svg>\n")));
  const Result compared = Bench({"compare", run, run});
  EXPECT_EQ(compared.status, 0) << compared.err;
  EXPECT_THAT(compared.out, HasSubstr("end to end p50"));
  EXPECT_THAT(compared.out, HasSubstr("1.000"));
}

TEST_F(BenchCommandTest, SweepsToTheKnee) {
  const ScriptedHttpServer server(AnswerAtOnce);
  const Result result =
      Bench({"sweep", server.url(), "--rates", "20,40", "--duration", "500ms", "--warmup", "0s"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\nknee: 40.00 calls/s"));
}

TEST_F(BenchCommandTest, PlaysATrace) {
  const ScriptedHttpServer server(AnswerAtOnce);
  PutFile(temp_ / "trace", "{\"at\": 0}\n{\"at\": 0.1, \"text\": \"Once\"}\n");
  const Result result = Bench({"run", server.url(), "--trace", temp_ / "trace"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr(": 2 ok\n"), HasSubstr("open loop, trace ")));
  PutFile(temp_ / "trace", "{\"at\": 0}\n{\"at\": -1}\n");
  const Result wrong = Bench({"run", server.url(), "--trace", temp_ / "trace"});
  EXPECT_EQ(wrong.status, 1);
  EXPECT_THAT(wrong.err, HasSubstr("trace:2: at must be seconds from 0 to 1000000: -1\n"));
}

TEST_F(BenchCommandTest, CtrlCPrintsWhatWasMeasured) {
  int num_calls = 0;
  std::promise<void> is_under_way;
  const ScriptedHttpServer server([&](const Request& request, Reply& reply) {
    AnswerAtOnce(request, reply);
    if (++num_calls == 20) is_under_way.set_value();
  });
  Program program = Start({"bench", "run", server.url(), "--duration", "10m", "--warmup", "0s"});
  is_under_way.get_future().wait();
  program.Signal(SIGINT);
  const std::string out = program.out().Rest();
  EXPECT_THAT(out, AllOf(HasSubstr(", interrupted: "), HasSubstr("\nend to end ")));
  EXPECT_EQ(program.Wait(), 128 + SIGINT);
}

TEST_F(BenchCommandTest, AServerThatIsDownIsOneSentence) {
  const std::string url = "http://" + LoopbackSocket().address();
  for (const char* verb : {"run", "sweep"}) {
    const Result result = Bench({verb, url});
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err,
              "chorus: " + url + " does not answer the first call: Connection refused\n");
  }
}

TEST_F(BenchCommandTest, AServersOwnWordsAreToldBeforeAnyLoad) {
  const ScriptedHttpServer server([](const Request&, Reply& reply) {
    reply.Whole(404, "{\"error\":{\"message\":\"no graph is called \\\"x\\\"\"}}");
  });
  const Result result = Bench({"run", server.url(), "--graph", "x"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, EndsWith("first call: 404: no graph is called \"x\"\n"));
}

TEST_F(BenchCommandTest, CallsThatAllFailAreAFailure) {
  int num_calls = 0;
  const ScriptedHttpServer server(
      [&](const Request&, Reply& reply) { reply.Whole(num_calls++ == 0 ? 200 : 500, "{}"); });
  const Result result = Bench({"run", server.url(), "--calls", "5"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.out, HasSubstr("0 ok, 5 failed\n  5  500\n"));
}

TEST_F(BenchCommandTest, WrongUsageIsSaidBeforeAnythingIsSent) {
  const struct {
    std::vector<std::string> arguments;
    const char* mistake;
  } kCases[] = {
      {{"run", "--protocol", "smtp"}, "smtp"},
      {{"run", "--rate", "0"}, "must be greater than 0 and at most 1000000: 0"},
      {{"run", "--rate", "1", "--clients", "2"}, "--rate excludes --clients"},
      {{"run", "--graph", "a", "--model", "b"}, "excludes"},
      {{"run", "--slo", "p99=1s"}, "such as ttft=200ms,e2e=2s: p99=1s"},
      {{"run", "--output_tokens", "many"}, "lengths must be"},
      {{"run", "--set", "seed"}, "must be NAME=VALUE: seed"},
      {{"run", "--header", "none"}, "must be 'Name: value', on one line"},
      {{"compare", "a.json"}, "b is required"},
  };
  for (const auto& each : kCases) {
    const Result result = Bench(each.arguments);
    EXPECT_EQ(result.status, 2) << each.mistake;
    EXPECT_THAT(result.err, HasSubstr(each.mistake));
  }
  const struct {
    std::vector<std::string> arguments;
    const char* mistake;
  } kTogether[] = {
      {{"run", "http://a:1", "--ca_file", "a"},
       "--ca_file is for https:// and grpcs://: http://a:1"},
      {{"run", "https://a:1", "--ca_file", "/no/such"}, "cannot read certificates (PEM) from /no/"},
      {{"run", "--protocol", "openai", "--model", "a", "--set", "stream=false", "--slo", "itl=1s"},
       "ttft and itl are those of streams"},
      {{"run", "--classifier", "a", "--protocol", "sse"}, "--protocol must be http or grpc"},
      {{"run", "--embedder", "a", "--protocol", "grpc-stream"}, "--protocol must be http or grpc"},
      {{"run", "--protocol", "openai"}, "--protocol openai needs --model"},
      {{"run", "--slo", "ttft=1s"}, "ttft and itl are those of streams"},
      {{"run", "--save", "/no/such/file"}, "cannot write /no/such/file"},
      {{"compare", "/no/such", "/no/such"}, "/no/such"},
  };
  for (const auto& each : kTogether) {
    const Result result = Bench(each.arguments);
    EXPECT_EQ(result.status, 1) << each.mistake;
    EXPECT_THAT(result.err, HasSubstr(each.mistake));
  }
}

TEST_F(BenchCommandTest, IsCompletedAndHelped) {
  EXPECT_THAT(Run({"completion", "bash"}).out,
              AllOf(HasSubstr("'bench run'"), HasSubstr("--output_tokens"),
                    HasSubstr("'bench':*) words='run sweep compare'")));
  const Result help = Run({"help", "bench", "run"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, HasSubstr("chorus bench run --clients 16"));
  EXPECT_THAT(Run({"bench"}).out, HasSubstr("Offer a server more and more"));
}

}  // namespace
}  // namespace chorus
