#pragma once

// One run of a graph, from its first call to its one completion. Made by the Executor.
//
// The run keeps itself alive through the callbacks it has given to the runner clients, and ends
// when the last of them has come back: after a failure too it waits for the calls it has cancelled.
//
// Thread safety: Start is called once; the rest happens on the runner clients' threads.

#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "api_server/graph/executor.h"
#include "api_server/graph/graph.h"
#include "api_server/graph/graph_stats.h"
#include "api_server/graph/plan.h"
#include "api_server/runners/runner_client.h"
#include "base/in_flight.h"

namespace chorus {

class GraphRun : public std::enable_shared_from_this<GraphRun> {
 public:
  struct Options {
    std::shared_ptr<const Graph> graph;
    std::vector<RunnerClient*> generators;  // One for each of the graph's; they outlive the run.
    RunnerClient* classifier;               // Likewise.
    std::string text;
    std::vector<GenerateParams> params;  // One for each generator.
    CallContext context;
    const Executor::Clock* clock;  // Outlives the run.
    GraphStats* stats;             // Likewise.
    Executor::Done<std::vector<GraphResult>> done;
    InFlight::Ticket ticket;  // Given back when `done` has returned.
  };

  explicit GraphRun(Options options);

  void Start();

 private:
  // What one generator brings. Written by the callbacks of its own call alone, one at a time, until
  // its step has ended, and only read afterwards; so no lock.
  struct Generated {
    std::string text;
    GenerationEnd end;
  };

  void Launch(Plan::Step step);
  void Generate(int index);
  void Classify(int row);
  // Takes note that a step has ended, and does what follows from it.
  void OnStepEnd(Plan::Step step, absl::Status status);
  void Finish();

  CallContext StepContext() const;
  // `status` with the node and runner of `step` in front.
  absl::Status Annotate(Plan::Step step, const absl::Status& status) const;

  Options options_;
  std::vector<Generated> generated_;                 // By generator.
  std::vector<TextClassification> classifications_;  // By row; each written by its own call.
  std::stop_source stop_;                            // Ends every step.
  RunStats stats_;

  std::mutex mutex_;
  Plan plan_;           // Guarded by mutex_, as the following.
  int num_open_steps_;  // Launched, or about to be, and not ended.
  absl::Status error_;  // The first.

  struct RequestStop {
    std::stop_source stop;
    void operator()() { stop.request_stop(); }
  };
  std::optional<std::stop_callback<RequestStop>>
      caller_stop_;  // Links the caller's token to stop_.
};

// OK while a call with this context may go on.
absl::Status CheckNotEnded(const CallContext& context, absl::Time now);

}  // namespace chorus
