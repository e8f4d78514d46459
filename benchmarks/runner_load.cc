// Loads one runner with a fixed number of concurrent generations, or classifications of one text,
// and prints one JSON line of what came.
//
//   runner_load --address unix:/tmp/r.sock --concurrency 8 --requests 24 --new_tokens 123
//   runner_load --address unix:/tmp/r.sock --concurrency 8 --requests 1000000 --seconds 5
//   --classify

#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "proto/chorus/runner/v1/runner.grpc.pb.h"

namespace chorus {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Result {
  double first_token_seconds = 0;
  double seconds = 0;
  uint32_t tokens = 0;  // Generated, or classified.
  bool ok = false;
};

Result Generate(runner::v1::RunnerService::Stub& stub, const runner::v1::GenerateRequest& request) {
  Result result;
  const Clock::time_point start = Clock::now();
  grpc::ClientContext context;
  auto reader = stub.Generate(&context, request);
  runner::v1::GenerateResponse response;
  while (reader->Read(&response)) {
    if (response.has_delta() && result.first_token_seconds == 0) {
      result.first_token_seconds = SecondsSince(start);
    }
    if (response.has_finished()) result.tokens = response.finished().generated_tokens();
  }
  result.seconds = SecondsSince(start);
  result.ok = reader->Finish().ok();
  return result;
}

Result Classify(runner::v1::RunnerService::Stub& stub, const std::string& text) {
  runner::v1::ClassifyRequest request;
  request.add_texts(text);
  Result result;
  const Clock::time_point start = Clock::now();
  grpc::ClientContext context;
  runner::v1::ClassifyResponse response;
  result.ok = stub.Classify(&context, request, &response).ok();
  result.seconds = SecondsSince(start);
  for (const auto& classification : response.results()) {
    result.tokens += classification.num_tokens();
  }
  return result;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

int Main(int argc, char** argv) {
  CLI::App app("Loads one runner with concurrent generations.");
  std::string address, prompt = "I have an idea!";
  int concurrency = 1, requests = 8;
  uint32_t new_tokens = 123;
  double seconds_limit = 1e9;
  bool do_sample = false, classify = false;
  app.add_option("--address", address, "The runner's")->required();
  app.add_option("--prompt", prompt);
  app.add_option("--concurrency", concurrency);
  app.add_option("--requests", requests);
  app.add_option("--seconds", seconds_limit, "No request starts later than this");
  app.add_option("--new_tokens", new_tokens);
  app.add_flag("--classify", classify, "Classify --prompt instead of generating");
  app.add_flag("--do_sample", do_sample, "Sample with top_k 50 instead of greedy");
  CLI11_PARSE(app, argc, argv);

  auto stub = runner::v1::RunnerService::NewStub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  runner::v1::GenerateRequest request;
  request.set_text(prompt);
  request.mutable_params()->set_max_new_tokens(new_tokens);
  request.mutable_params()->set_do_sample(do_sample);

  std::vector<Result> results(requests);
  std::atomic<int> next = 0;
  std::vector<std::thread> clients;
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < concurrency; ++i) {
    clients.emplace_back([&, request]() mutable {
      for (int n; SecondsSince(start) < seconds_limit && (n = next++) < requests;) {
        request.mutable_params()->set_seed(n);
        results[n] = classify ? Classify(*stub, prompt) : Generate(*stub, request);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  const double seconds = SecondsSince(start);
  requests = std::min(requests, next.load());
  results.resize(requests);

  uint64_t tokens = 0;
  int failed = 0;
  std::vector<double> latencies, first_tokens;
  for (const Result& result : results) {
    tokens += result.tokens;
    failed += !result.ok;
    latencies.push_back(result.seconds);
    first_tokens.push_back(result.first_token_seconds);
  }
  std::printf(
      "{\"concurrency\": %d, \"requests\": %d, \"failed\": %d, \"tokens\": %lu, \"seconds\": %.3f, "
      "\"tokens_per_second\": %.1f, \"p50_seconds\": %.4f, \"p50_first_token_seconds\": %.4f}\n",
      concurrency, requests, failed, static_cast<unsigned long>(tokens), seconds, tokens / seconds,
      Median(latencies), Median(first_tokens));
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace chorus

int main(int argc, char** argv) { return chorus::Main(argc, argv); }
