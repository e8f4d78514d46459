#pragma once

// One run of a graph, from its first call to its one completion. Made by the Executor.
//
// With num_sequences n the whole graph runs n times over the one text, side by side: sequence i of
// a generator continues sequence i of its input. The runners compute their common prompt once.
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
#include "api_server/graph/run_observer.h"
#include "api_server/runners/runner_client.h"
#include "base/in_flight.h"

namespace chorus {

class GraphRun : public std::enable_shared_from_this<GraphRun> {
 public:
  struct Options {
    std::shared_ptr<const Graph> graph;
    std::vector<RunnerClient*> generators;  // One for each of the graph's; they outlive the run.
    RunnerClient* classifier = nullptr;     // Likewise; null if the graph has none.
    RunRequest request;
    std::vector<v1::GenerationParams> params;  // One for each generator.
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
  struct Task {
    Plan::Step step;
    int sequence;
  };
  // How what is left of the call's time is dealt out. Without a deadline it is infinite.
  struct TimeShares {
    absl::Duration left = absl::InfiniteDuration();
    absl::Duration way;    // The reply's.
    absl::Duration score;  // The classifier's.
    // The text's. Zero: as long as it likes.
    absl::Duration text() const;
  };
  // Where the call of a generator is.
  struct Progress {
    absl::Time began_at;
    absl::Time last_text_at = absl::InfinitePast();  // When its latest text came.
    TimeShares shares;                               // Of the call's time, as it began.
  };

  void Launch(Task task);
  void Generate(int generator, int sequence);
  void Classify(int row, int sequence);
  void OnText(int generator, int sequence, v1::TextDelta delta);
  void OnRestart(int generator, int sequence);
  void OnGenerated(int generator, int sequence, v1::GenerationEnd end);
  void OnScored(int generator, int sequence, runner::v1::ClassifyResponse classification);
  // Takes note that a step has ended, and does what follows from it.
  void OnEnd(Task task, const absl::Status& status);
  void Finish();
  // Why a text of the reply could not be had; OK if it could.
  absl::Status StatusOf(int generator, int sequence);

  // The generator whose text a step works on.
  int GeneratorOf(Plan::Step step) const {
    return step.kind == Plan::Step::kGenerate ? step.index
                                              : options_.graph->classifier().inputs[step.index];
  }
  int IndexOf(int generator, int sequence) const {
    return generator * options_.num_sequences + sequence;
  }
  // The text that a generator, or a row, works on.
  GraphResult& text_of(int generator, int sequence) { return texts_[IndexOf(generator, sequence)]; }
  // Among the calls of its kind.
  int NumberOf(Task task) const { return task.step.index * options_.num_sequences + task.sequence; }
  TextId IdOf(int generator, int sequence) const;
  // So that a text which begins now is scored and sent before the deadline.
  TimeShares DealTime() const;
  // `status` of a text that had too little time, with how it was dealt out.
  absl::Status Explain(const TimeShares& shares, const absl::Status& status) const;
  // For the statistics.
  CallEnd EndOf(const absl::Status& status) const;
  CallContext StepContext() const;
  // `status` with the node and runner of `step` in front.
  absl::Status Annotate(Plan::Step step, const absl::Status& status) const;

  Options options_;
  // By generator and sequence. Each is written by the callbacks of its own calls alone, one at a
  // time, and read by the steps that follow them; so no lock.
  std::vector<GraphResult> texts_;
  std::vector<Progress> progress_;  // Likewise.
  std::stop_source stop_;           // Ends every step.
  RunStats stats_;

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
  std::string stage;  // "generate" or "classify"
};
// Unset where the error is of no node.
std::optional<FailedNode> FailedNodeOf(const absl::Status& status);

// OK while a call with this context may go on.
absl::Status CheckNotEnded(const CallContext& context, absl::Time now);

}  // namespace chorus
