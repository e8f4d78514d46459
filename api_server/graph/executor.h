#pragma once

// Runs inference graphs, and single models, on the runners.
//
// A run calls every node whose inputs are ready, concurrently, so that a text is scored as soon as
// it has ended. The first branch to fail cancels the others, and its error, which names the runner,
// is the run's. With RunRequest::partial the others go on, and the run fails only if all its texts
// do.
//
// Thread safety: all methods may be called from any thread and, apart from waiting ones, do not
// block. Completions run once, on the runner clients' threads or the workers, never inline and
// never under a lock.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "api_server/graph/graph.h"
#include "api_server/graph/node_stats.h"
#include "api_server/graph/operation.h"
#include "api_server/graph/run_observer.h"
#include "api_server/graph/runner_client.h"
#include "base/in_flight.h"
#include "base/worker_pool.h"

namespace chorus::gateway {

// Seeds for requests that bring none: SplitMix64 (Steele, Lea and Flood, 2014), started from the
// operating system's randomness. Two calls give the same seed only after 2^64 calls. Thread-safe.
class SeedSource {
 public:
  SeedSource() {
    std::random_device device;
    state_ = (uint64_t{device()} << 32) | device();
  }

  uint64_t Next() {
    uint64_t z = state_.fetch_add(0x9E3779B97F4A7C15, std::memory_order_relaxed);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

 private:
  std::atomic<uint64_t> state_;
};

// Identifies a text of a run.
struct TextId {
  std::optional<int> index;  // In the reply; unset for a text that is only an input.
  std::string branch;        // The node that writes it.
};

// Receives the progress of a run, on the runner clients' threads: serially and in order for each
// text, concurrently for different texts. Must not block.
class GraphListener {
 public:
  virtual ~GraphListener() = default;
  // The next piece of a text after the prompt. If the node continues another's text, the first
  // piece is what that text has beyond the prompt, with no tokens.
  virtual void OnText(const TextId& id, v1::TextDelta delta) = 0;
  // `text` is complete except for its score.
  virtual void OnGenerated(const TextId& id, const GraphResult& text) = 0;
  virtual void OnScored(const TextId& id, const GraphResult& text) = 0;
  // Whether a text may be restarted at another replica, unannounced, if its replica is lost.
  virtual bool may_restart() const { return false; }
};

// A graph and the statistics of its nodes.
struct GraphStatus {
  struct Node {
    RunnerStatus runner;
    NodeStats::Snapshot stats;
  };
  std::shared_ptr<const Graph> graph;
  std::vector<Node> nodes;  // As Graph::nodes().
};

class Executor {
 public:
  template <typename T>
  using Done = RunnerClient::Done<T>;

  using Graphs = std::vector<std::shared_ptr<const Graph>>;  // Their names are unique.
  using Runners = absl::flat_hash_map<std::string, std::shared_ptr<RunnerClient>>;

  // The wall clock, as deadlines use.
  using Clock = std::function<absl::Time()>;

  // Every runner that a graph names is in `runners` (checked by Graph::Create). `observer` and
  // `workers` may be null, and must outlive the executor. Large results are completed on `workers`.
  Executor(const Graphs& graphs, Runners runners, Clock clock = absl::Now,
           RunObserver* observer = nullptr, WorkerPool* workers = nullptr);

  // Blocks until no run is in progress; cancel runs through their contexts first. Not to be called
  // from a completion.
  ~Executor();

  // Replaces the graphs and the runners; those of the graphs must be among them. Runs in progress
  // keep the graph they began with and its runners, which must live until they have ended. An
  // unchanged graph keeps its statistics.
  void SetServed(const Graphs& graphs, Runners runners);

  // The same with the runners there are.
  void SetGraphs(const Graphs& graphs) { SetServed(graphs, runners()); }

  Runners runners() const { return served()->runners; }

  // NOT_FOUND lists the existing graphs; DEADLINE_EXCEEDED or CANCELLED if the context has ended
  // already; RESOURCE_EXHAUSTED if a runner is known to be full. These are returned, and `done` is
  // then never called; likewise below. A run's error begins with its node and runner, as `gpt2
  // (gpt2-generation): no healthy replica`, that of a single model with the runner.
  //
  // The result has num_return_sequences texts of each branch, branch by branch; INVALID_ARGUMENT
  // for more than one if a branch does not sample. `listener` may be null.
  absl::Status RunGraph(const std::string& graph, RunRequest request, CallContext context,
                        std::shared_ptr<GraphListener> listener,
                        Done<std::vector<GraphResult>> done);

  // Runs one generator, as a graph of one node. NOT_FOUND if there is no such runner.
  absl::Status Generate(const std::string& runner, RunRequest request, CallContext context,
                        std::shared_ptr<GraphListener> listener,
                        Done<std::vector<GraphResult>> done);

  // One call of a runner. NOT_FOUND if there is no such runner.
  absl::Status Classify(const std::string& runner, runner::v1::ClassifyRequest request,
                        CallContext context, Done<runner::v1::ClassifyResponse> done);
  absl::Status Embed(const std::string& runner, runner::v1::EmbedRequest request,
                     CallContext context, Done<runner::v1::EmbedResponse> done);
  absl::Status Tokenize(const std::string& runner, runner::v1::TokenizeRequest request,
                        CallContext context, Done<runner::v1::TokenizeResponse> done);
  absl::Status Detokenize(const std::string& runner, runner::v1::DetokenizeRequest request,
                          CallContext context, Done<runner::v1::DetokenizeResponse> done);

  // A snapshot of all graphs, sorted by name.
  std::vector<GraphStatus> DescribeGraphs() const;

  // The same of one. NOT_FOUND if there is no such graph.
  absl::StatusOr<GraphStatus> DescribeGraph(const std::string& graph) const;

  // The names of runners without a healthy replica, sorted.
  std::vector<std::string> UnhealthyRunners() const;

  // The nodes of the served graphs, or of `graphs` with `runners`, whose runner is known to have a
  // model for another task: a sentence each, sorted, as `graph "g": node "a" generates, but the
  // model of its runner "r" is a classifier (BertForSequenceClassification): …`. A run of such a
  // graph is refused with UNAVAILABLE and the first of its sentences.
  std::vector<std::string> WrongModels() const;
  static std::vector<std::string> WrongModels(const Graphs& graphs, const Runners& runners);

  // All that keeps `graphs` from being run with `runners`: those sentences, and such as `graph "g":
  // node "a": no replica of its runner "r" serves`. Sorted.
  static std::vector<std::string> Lacks(const Graphs& graphs, const Runners& runners);

  // The replicas that have a model for another task than a served node beside others that have the
  // right one: a sentence each, sorted. They get none of its calls.
  std::vector<std::string> WrongReplicas() const;

  // Blocks until no run is in progress, or until `deadline`. True if none is left.
  bool WaitUntilIdle(absl::Time deadline) { return in_flight_.WaitUntil(deadline); }

 private:
  struct ServedGraph {
    std::shared_ptr<const Graph> graph;
    std::shared_ptr<GraphStats> stats;  // May be null.
  };
  // All that is served at a time, by name.
  struct Served {
    Runners runners;
    absl::flat_hash_map<std::string, std::shared_ptr<const Graph>> models;  // Graph::OfModel.
    absl::flat_hash_map<std::string, ServedGraph> graphs;
  };

  // The current state.
  std::shared_ptr<const Served> served() const;
  GraphStatus Describe(const ServedGraph& graph, const Runners& runners) const;
  // Appends those of one graph, in node order.
  static void AddWrongModels(const Graph& graph, const Runners& runners,
                             std::vector<std::string>& wrong);
  absl::Status Run(ServedGraph served, const Runners& all, RunRequest request, CallContext context,
                   std::shared_ptr<GraphListener> listener, Done<std::vector<GraphResult>> done);
  // Calls `method` of a runner's client.
  template <typename Request, typename Response>
  absl::Status Ask(const std::string& runner,
                   void (RunnerClient::*method)(Request, CallContext, RunnerClient::Done<Response>),
                   Request request, CallContext context, Done<Response> done);
  // Wraps `done` to run on `workers_` for large results.
  Done<std::vector<GraphResult>> OffGrpcThreads(Done<std::vector<GraphResult>> done);

  const Clock clock_;
  RunObserver* const observer_;  // May be null.
  WorkerPool* const workers_;    // May be null.
  mutable std::mutex mutex_;
  std::shared_ptr<const Served> served_;  // Guarded by mutex_.
  SeedSource seeds_;
  InFlight in_flight_;
};

}  // namespace chorus::gateway
