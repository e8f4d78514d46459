#pragma once

// Runs inference graphs, and single models, on the runners.
//
// A run calls the nodes whose inputs are there concurrently, so that a text is scored the moment it
// has ended. It is strict: the first branch that fails cancels the
// others, and its error, which names the runner, is the run's. With RunRequest::partial the others
// go on, and the run fails only where all texts of its reply do.
//
// Thread safety: all methods may be called from any thread. Completions run on the runner clients'
// threads, or on the workers, once, never inline and never under a lock.

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
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
#include "api_server/graph/seed_source.h"
#include "api_server/runners/runner_client.h"
#include "base/in_flight.h"
#include "base/worker_pool.h"

namespace chorus {

// Which of a run's texts.
struct TextId {
  std::optional<int> index;  // In the reply; none for a text that only others take.
  std::string branch;        // The node that writes it.
};

// Hears of a run while it goes on. Calls about one text come one at a time, in order, as many
// OnText as there are; calls about several at once, from the runner clients' threads. They must not
// block.
class GraphListener {
 public:
  virtual ~GraphListener() = default;
  // What follows the request's text, piece by piece. Of a node that continues another's text the
  // first piece is what that text has, of no tokens; none where it has nothing.
  virtual void OnText(const TextId& id, v1::TextDelta delta) = 0;
  // `text` is whole, but for its score.
  virtual void OnGenerated(const TextId& id, const GraphResult& text) = 0;
  virtual void OnScored(const TextId& id, const GraphResult& text) = 0;
  // Whether a text whose runner is lost may begin again elsewhere, of which nothing is heard.
  virtual bool may_restart() const { return false; }
};

// A graph, and how the calls of its nodes go.
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

  // The time of day, which deadlines are compared with.
  using Clock = std::function<absl::Time()>;

  // Every runner that a graph names is in `runners` (Graph::Create has checked). `observer`, where
  // there is one, must outlive this. Large results are completed on `workers`, who must outlive
  // this too; null: where they come from.
  Executor(const Graphs& graphs, Runners runners, Clock clock = absl::Now,
           RunObserver* observer = nullptr, WorkerPool* workers = nullptr);

  // Waits for the runs in progress; cancel them through their contexts where that may take long.
  // Not to be called from a completion.
  ~Executor();

  // Serves these graphs in place of those before; their runners too are among the executor's. A run
  // in progress ends with the graph it began with. A graph that is as it was keeps its statistics.
  void SetGraphs(const Graphs& graphs);

  // NOT_FOUND when there is no such graph; it lists those there are. DEADLINE_EXCEEDED or CANCELLED
  // when the context has ended before the run began. These are returned, and `done` is then never
  // called; the methods below do the same. A run's error begins with the node and runner it is of,
  // as `gpt2 (gpt2-generation): no healthy replica`, that of a single model with the runner.
  //
  // The reply has num_return_sequences texts of each branch, branch by branch; INVALID_ARGUMENT for
  // more than one where a branch does not sample. `listener` may be null.
  absl::Status RunGraph(const std::string& graph, RunRequest request, CallContext context,
                        std::shared_ptr<GraphListener> listener,
                        Done<std::vector<GraphResult>> done);

  // One generator, as a graph of its own. NOT_FOUND when there is no such runner.
  absl::Status Generate(const std::string& runner, RunRequest request, CallContext context,
                        std::shared_ptr<GraphListener> listener,
                        Done<std::vector<GraphResult>> done);

  // One call of a runner. NOT_FOUND when there is no such runner.
  absl::Status Classify(const std::string& runner, runner::v1::ClassifyRequest request,
                        CallContext context, Done<runner::v1::ClassifyResponse> done);
  absl::Status Tokenize(const std::string& runner, runner::v1::TokenizeRequest request,
                        CallContext context, Done<runner::v1::TokenizeResponse> done);
  absl::Status Detokenize(const std::string& runner, runner::v1::DetokenizeRequest request,
                          CallContext context, Done<runner::v1::DetokenizeResponse> done);

  // What is known of all graphs at this moment, sorted by name.
  std::vector<GraphStatus> DescribeGraphs() const;

  // Of one. NOT_FOUND when there is no such graph.
  absl::StatusOr<GraphStatus> DescribeGraph(const std::string& graph) const;

  // The names of the runners that have no healthy replica, sorted.
  std::vector<std::string> UnhealthyRunners() const;

  // Where the nodes of graphs, by default of those served, are known to have runners whose models
  // do something else: a sentence each, sorted, as `graph "g": node "a" generates, but the model of
  // its runner "r" is a classifier (BertForSequenceClassification): …`. A run of such a graph is
  // refused with UNAVAILABLE and the first of its sentences.
  std::vector<std::string> WrongModels() const;
  std::vector<std::string> WrongModels(const Graphs& graphs) const;

  // Blocks until no run is in progress, or until `deadline`. True if there is none.
  bool WaitUntilIdle(absl::Time deadline) { return in_flight_.WaitUntil(deadline); }

 private:
  struct Served {
    std::shared_ptr<const Graph> graph;
    std::shared_ptr<GraphStats> stats;  // May be null.
  };
  using ServedGraphs = absl::flat_hash_map<std::string, Served>;  // By name.

  // Those of this moment.
  std::shared_ptr<const ServedGraphs> graphs() const;
  GraphStatus Describe(const Served& served) const;
  // Those of one graph, as its nodes come.
  void AddWrongModels(const Graph& graph, std::vector<std::string>& wrong) const;
  absl::Status Run(Served served, RunRequest request, CallContext context,
                   std::shared_ptr<GraphListener> listener, Done<std::vector<GraphResult>> done);
  // Calls `method` of a runner's client.
  template <typename Request, typename Response>
  absl::Status Ask(const std::string& runner,
                   void (RunnerClient::*method)(Request, CallContext, RunnerClient::Done<Response>),
                   Request request, CallContext context, Done<Response> done);
  // `done`, on `workers_` where the texts are large.
  Done<std::vector<GraphResult>> OffGrpcThreads(Done<std::vector<GraphResult>> done);

  const Runners runners_;
  // By runner, Graph::OfModel; not changed once made.
  absl::flat_hash_map<std::string, std::shared_ptr<const Graph>> models_;
  const Clock clock_;
  RunObserver* const observer_;  // May be null.
  WorkerPool* const workers_;    // May be null.
  mutable std::mutex mutex_;
  std::shared_ptr<const ServedGraphs> graphs_;  // Guarded by mutex_.
  SeedSource seeds_;
  InFlight in_flight_;
};

}  // namespace chorus
