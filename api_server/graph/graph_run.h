#pragma once

// One run of a graph, from its first call to its one completion. Made by the Executor.
//
// With num_sequences n the whole graph runs n times over the one text, side by side: sequence i of
// a node takes sequence i of its inputs. The runners compute their common prompt once.
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
#include "api_server/graph/node_stats.h"
#include "api_server/graph/plan.h"
#include "api_server/graph/run_observer.h"
#include "api_server/runners/runner_client.h"
#include "base/in_flight.h"

namespace chorus {

class GraphRun : public std::enable_shared_from_this<GraphRun> {
 public:
  struct Options {
    std::shared_ptr<const Graph> graph;
    std::vector<RunnerClient*> runners;  // One for each of the graph's nodes; they outlive the run.
    RunRequest request;                  // Has a seed.
    int num_sequences = 1;
    CallContext context;
    const Executor::Clock* clock;             // Outlives the run.
    std::shared_ptr<GraphStats> stats;        // Null: nobody counts.
    RunObserver* observer = nullptr;          // Outlives the run; null: nobody counts.
    std::shared_ptr<GraphListener> listener;  // Null: nobody listens.
    Executor::Done<std::vector<GraphResult>> done;
    InFlight::Ticket ticket;  // Given back when `done` has returned.
  };

  explicit GraphRun(Options options);

  void Start();

 private:
  // How what is left of the call's time is dealt out. Without a deadline it is infinite.
  struct TimeShares {
    absl::Duration left = absl::InfiniteDuration();
    absl::Duration way;    // The reply's.
    absl::Duration score;  // The output node's.
    // The text's. Zero: as long as it likes.
    absl::Duration text() const;
  };
  // A step of one sequence, and where its call is.
  struct Call {
    const Graph::Step* step;
    int sequence;
    absl::Time began_at;
    absl::Time last_text_at = absl::InfinitePast();  // When its latest text came.
    TimeShares shares;                               // Of the run's time, as it began.
    NodeStats::Call counted;
  };

  void Launch(Call& call);
  // What a text is before anything is written.
  void BeginText(Call& call);
  void OnText(Call& call, v1::TextDelta delta);
  void OnRestart(Call& call);
  void OnDone(Call& call, const absl::Status& status);
  void OnGenerated(Call& call);
  void OnScored(Call& call);
  // Takes note that a call has ended, and does what follows from it.
  void OnEnd(Call& call, const absl::Status& status);
  void Finish();
  // Why a text of the reply could not be had; OK if it could.
  absl::Status StatusOf(int node, int sequence);
  // A node's own failure, or that of a text it would have taken; OK if there is none.
  absl::Status FailureOf(int node, int sequence);

  Call& call_of(int step, int sequence) { return calls_[step * options_.num_sequences + sequence]; }
  GraphResult& text_of(int node, int sequence) {
    return texts_[node * options_.num_sequences + sequence];
  }
  // What a call writes or scores.
  GraphResult& text_of(const Call& call) { return text_of(call.step->text, call.sequence); }
  const Graph::Node& node_of(const Call& call) const {
    return options_.graph->nodes()[call.step->node];
  }
  // None where nobody counts.
  NodeStats* stats_of(int node) const {
    return options_.stats == nullptr ? nullptr : &(*options_.stats)[node];
  }
  TextId IdOf(const Call& call) const;
  // So that a text which begins now is scored and sent before the deadline.
  TimeShares DealTime() const;
  // `status` of a text that had too little time, with how it was dealt out.
  absl::Status Explain(const TimeShares& shares, const absl::Status& status) const;
  // For the statistics.
  CallEnd EndOf(const absl::Status& status) const;
  CallContext StepContext() const;
  // `status` with the node and runner of `call` in front.
  absl::Status Annotate(const Call& call, const absl::Status& status) const;

  Options options_;
  // By node and sequence; those of a node that scores are empty. Each is written by the callbacks
  // of its own calls alone, one at a time, and read by the steps that follow them; so no lock.
  std::vector<GraphResult> texts_;
  std::vector<Call> calls_;  // By step and sequence. Likewise.
  std::stop_source stop_;    // Ends every step.

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

// Of the node that an error is of, for those who read it by machine; its words say the same.
struct FailedNode {
  std::string name;   // In the graph.
  std::string stage;  // Its kind: "generate".
};
// Unset where the error is of no node.
std::optional<FailedNode> FailedNodeOf(const absl::Status& status);

// OK while a call with this context may go on.
absl::Status CheckNotEnded(const CallContext& context, absl::Time now);

}  // namespace chorus
