#pragma once

// A runner without a model: speaks chorus.runner.v1 and grpc.health.v1, and answers by a script. An
// empty script is the null runner, which answers at once and so measures the gateway alone.
//
// Thread safety: all methods may be called from any thread.

#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/chorus/runner/v1/runner.pb.h"

namespace chorus {

class FakeRunner {
 public:
  // What every call does.
  struct Script {
    std::vector<std::string> tokens;  // One message each; then `finished` with STOP.
    absl::Duration token_delay;       // Before each token, and before a Classify's answer.
    int max_active = 0;               // Generates served at once, the others wait; 0: no bound.
    int max_waiting = 0;              // Of those; more are refused with RESOURCE_EXHAUSTED.
    int num_finished = 1;             // 0 and 2 break the protocol.
    absl::Status error;               // What ends the call; a Generate's tokens come before it.
    std::vector<std::string> labels = {"NEGATIVE", "POSITIVE"};
    std::vector<double> scores = {0.25, 0.75};  // Of every text.
    chorus::v1::ScoreKind score_kind = chorus::v1::SCORE_KIND_UNSPECIFIED;
    std::vector<float> vector = {0.5f, -0.25f};  // Of every text that is embedded.
    uint32_t context_size = 512;                 // Of a Classify or Embed; a token a byte.
    // What it says of its model; it answers all calls whatever that is.
    chorus::runner::v1::Task task = chorus::runner::v1::TASK_UNSPECIFIED;
    std::string architecture;
    chorus::v1::GenerationParams defaults;
    absl::Status model_info;  // What a GetModelInfo ends with.
    std::string metrics;      // What GetMetrics tells.
  };
  struct Options {
    std::string address = "127.0.0.1:0";  // Or "unix:/path".
    Script script;
    bool serving = true;
  };

  // UNAVAILABLE when the address cannot be listened on.
  static absl::StatusOr<std::unique_ptr<FakeRunner>> Start(Options options);

  // Shuts down.
  ~FakeRunner();

  // Where to reach it.
  const std::string& address() const { return address_; }

  // What the health service says.
  void SetServing(bool serving);

  // Cuts off all calls and closes the port.
  void Shutdown();

  // The requests so far, oldest first, and their x-request-id (empty without one).
  std::vector<chorus::runner::v1::GenerateRequest> generate_requests() const;
  std::vector<chorus::runner::v1::ClassifyRequest> classify_requests() const;
  std::vector<std::string> request_ids() const;

  // Blocks until that many Generate calls have been cancelled by the client or the network.
  void WaitForCancelled(int num_calls);
  // Blocks until that many Generate calls have arrived.
  void WaitForGenerate(int num_calls);

 private:
  class Service;
  explicit FakeRunner(Script script);

  const std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace chorus
