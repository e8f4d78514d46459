#pragma once

// Runs inference graphs, and single models, on the runners.
//
// A run calls the generators whose input is there concurrently, and sends each text to its
// classifier the moment the text has ended. It is strict: the first branch that fails cancels the
// others, and its error, which names the runner, is the run's.
//
// Thread safety: all methods may be called from any thread. Completions run on the runner clients'
// threads, once, never inline and never under a lock.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "api_server/graph/graph.h"
#include "api_server/graph/graph_stats.h"
#include "api_server/graph/seed_source.h"
#include "api_server/runners/runner_client.h"
#include "base/in_flight.h"

namespace chorus {

// What a request may override of a graph's or model's defaults; ranges have been checked. A
// request's `max_length` displaces the graph's `max_new_tokens`, which would win over it otherwise.
struct GenerateOverrides {
  std::optional<uint32_t> max_length;
  std::optional<uint32_t> max_new_tokens;
  std::optional<bool> do_sample;
  std::optional<double> temperature;
  std::optional<uint32_t> top_k;
  std::optional<double> top_p;
  std::optional<uint64_t> seed;  // Unset: a random one.
};

// One scored text of a graph's reply.
struct GraphResult {
  std::string generated;  // Prompt and continuation.
  TextClassification classification;
  std::string runner;  // The generator's.
  FinishReason finish_reason = FinishReason::kStop;
  uint64_t seed = 0;
};

// One generated text.
struct GenerateResult {
  std::string generated;  // Prompt and continuation.
  GenerationEnd end;
  uint64_t seed = 0;
};

// A graph, and how the calls of its nodes go.
struct GraphStatus {
  struct Node {
    RunnerClient::Replicas replicas;
    NodeStats::Snapshot stats;
  };
  std::shared_ptr<const Graph> graph;
  std::vector<Node> generators;  // As Graph::generators().
  Node classifier;
};

class Executor {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>) &&>;

  using Graphs = absl::flat_hash_map<std::string, std::shared_ptr<const Graph>>;
  using Runners = absl::flat_hash_map<std::string, std::shared_ptr<RunnerClient>>;

  // The time of day, which deadlines are compared with.
  using Clock = std::function<absl::Time()>;

  // Every runner that a graph names is in `runners` (Graph::Create has checked).
  Executor(Graphs graphs, Runners runners, Clock clock = absl::Now);

  // Waits for the runs in progress; cancel them through their contexts where that may take long.
  // Not to be called from a completion.
  ~Executor();

  // NOT_FOUND when there is no such graph; it lists those there are. DEADLINE_EXCEEDED or CANCELLED
  // when the context has ended before the run began. These are returned, and `done` is then never
  // called; the methods below do the same. A run's error begins with the node and runner it is of,
  // as `gpt2 (gpt2-generation): no healthy replica`, that of a single model with the runner.
  absl::Status RunGraph(const std::string& graph, std::string text,
                        const GenerateOverrides& overrides, CallContext context,
                        Done<std::vector<GraphResult>> done);

  // One generator. NOT_FOUND when there is no such runner.
  absl::Status Generate(const std::string& runner, std::string text,
                        const GenerateOverrides& overrides, CallContext context,
                        Done<GenerateResult> done);

  // One classifier. NOT_FOUND when there is no such runner.
  absl::Status Classify(const std::string& runner, std::vector<std::string> texts,
                        CallContext context, Done<std::vector<TextClassification>> done);

  // The graphs' names, sorted.
  std::vector<std::string> GraphNames() const;

  // What is known of a graph at this moment. NOT_FOUND when there is no such graph.
  absl::StatusOr<GraphStatus> DescribeGraph(const std::string& graph) const;

  // The names of the runners that have no healthy replica, sorted; empty means ready.
  std::vector<std::string> UnhealthyRunners() const;

  // Blocks until no run is in progress, or until `deadline`. True if there is none.
  bool WaitUntilIdle(absl::Time deadline) { return in_flight_.WaitUntil(deadline); }

 private:
  const Graphs graphs_;
  const Runners runners_;
  const Clock clock_;
  absl::flat_hash_map<std::string, std::unique_ptr<GraphStats>> stats_;  // By graph.
  SeedSource seeds_;
  InFlight in_flight_;
};

}  // namespace chorus
