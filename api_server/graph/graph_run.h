#pragma once

// One run of a graph, from its first call to its completion. Created by the Executor.
//
// With num_sequences n the whole graph runs n times in parallel on the same text: sequence i of a
// node takes sequence i of its inputs. The runners compute the common prompt once.
//
// The run owns itself through the callbacks it gives to the runner clients, and ends with the last
// of them: after a failure too it waits for the calls it has cancelled.
//
// Thread safety: Start is called once; all else runs on the runner clients' threads.

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
#include "api_server/graph/node_stats.h"
#include "api_server/graph/plan.h"
#include "api_server/graph/run_observer.h"
#include "api_server/graph/runner_client.h"
#include "base/in_flight.h"

namespace chorus::gateway {

class GraphRun : public std::enable_shared_from_this<GraphRun> {
 public:
  struct Options {
    std::shared_ptr<const Graph> graph;
    std::vector<RunnerClient*> runners;  // One for each of the graph's nodes; they outlive the run.
    RunRequest request;                  // Has a seed.
    int num_sequences = 1;
    CallContext context;
    const Executor::Clock* clock;             // Outlives the run.
    std::shared_ptr<GraphStats> stats;        // Null: no statistics.
    RunObserver* observer = nullptr;          // Outlives the run; may be null.
    std::shared_ptr<GraphListener> listener;  // May be null.
    Executor::Done<std::vector<GraphResult>> done;
    InFlight::Ticket ticket;  // Released when `done` has returned.
  };

  explicit GraphRun(Options options);

  // RESOURCE_EXHAUSTED, as if a first call of the run had been refused, if it surely would be. OK
  // for a partial run, in which it would not end the others. Call before Start().
  absl::Status CheckRoom();

  void Start();

 private:
  // How the remaining time of the call is divided. Infinite without a deadline.
  struct TimeShares {
    absl::Duration left = absl::InfiniteDuration();
    absl::Duration way;    // The reply's.
    absl::Duration score;  // The output node's.
    // The text's. Zero: no limit.
    absl::Duration text() const;
  };
  // The call of one step for one sequence.
  struct Call {
    const Graph::Step* step;
    int sequence;
    absl::Time began_at;
    absl::Time last_text_at = absl::InfinitePast();  // Arrival of its latest text.
    TimeShares shares;                               // As of its begin.
    NodeStats::Call counted;
  };

  void Launch(Call& call);
  // Initialises the text that a call will write.
  void BeginText(Call& call);
  void OnText(Call& call, v1::TextDelta delta);
  void OnRestart(Call& call);
  void OnDone(Call& call, const absl::Status& status);
  void OnGenerated(Call& call);
  void OnScored(Call& call);
  // Records the end of a call, and launches what follows.
  void OnEnd(Call& call, const absl::Status& status);
  void Finish();
  // Why a text of the reply failed; OK if it did not.
  absl::Status StatusOf(int node, int sequence);
  // The failure of a node or of its inputs; OK if there is none.
  absl::Status FailureOf(int node, int sequence);

  Call& call_of(int step, int sequence) { return calls_[step * options_.num_sequences + sequence]; }
  GraphResult& text_of(int node, int sequence) {
    return texts_[node * options_.num_sequences + sequence];
  }
  // The text a call writes or scores.
  GraphResult& text_of(const Call& call) { return text_of(call.step->text, call.sequence); }
  const Graph::Node& node_of(const Call& call) const {
    return options_.graph->nodes()[call.step->node];
  }
  // Null without statistics.
  NodeStats* stats_of(int node) const {
    return options_.stats == nullptr ? nullptr : &(*options_.stats)[node];
  }
  TextId IdOf(const Call& call) const;
  // Divides the time so that a text that begins now is scored and sent before the deadline.
  TimeShares DealTime() const;
  // Adds to a DEADLINE_EXCEEDED of a text how its time was divided.
  absl::Status Explain(const TimeShares& shares, const absl::Status& status) const;
  // How a call ended, for the statistics.
  CallEnd EndOf(const absl::Status& status) const;
  CallContext StepContext() const;
  // `status` prefixed with the node and runner of `call`.
  absl::Status Annotate(const Call& call, const absl::Status& status) const;

  Options options_;
  // By node and sequence; unused for a node that scores. Each is written only by its own calls'
  // callbacks, one at a time, and read by the steps that follow; so no lock.
  std::vector<GraphResult> texts_;
  std::vector<Call> calls_;  // By step and sequence. Likewise.
  std::stop_source stop_;    // Cancels every step.

  std::mutex mutex_;
  std::vector<Plan> plans_;  // By sequence. Guarded by mutex_, as the following.
  int num_open_steps_ = 0;   // Launched, or about to be, and not ended.
  absl::Status error_;       // The first.

  struct RequestStop {
    std::stop_source stop;
    void operator()() { stop.request_stop(); }
  };
  std::optional<std::stop_callback<RequestStop>>
      caller_stop_;  // Links the caller's token to stop_.
};

// The node of an error, in machine-readable form.
struct FailedNode {
  std::string name;   // In the graph.
  std::string stage;  // Its kind: "generate".
};
// Unset if the error is not a node's.
std::optional<FailedNode> FailedNodeOf(const absl::Status& status);

// OK unless `context` is cancelled or past its deadline.
absl::Status CheckNotEnded(const CallContext& context, absl::Time now);

}  // namespace chorus::gateway
