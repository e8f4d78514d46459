#pragma once

// Classifies texts with one model, rows of several calls at a time.
//
// Thread safety: Submit, Drain and load may be called at once from any thread; Join and the
// destructor by one, which must not be one of the engine's (no callback may call them).

#include <climits>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runner_server/engine/classification.h"
#include "runner_server/engine/classification_stepper.h"
#include "runner_server/engine/core_lease.h"
#include "runner_server/engine/engine_load.h"
#include "runner_server/engine/engine_observer.h"
#include "runner_server/engine/engine_pipeline.h"
#include "runner_server/model/sequence_classifier.h"
#include "runner_server/scheduler/micro_batcher.h"
#include "runner_server/scheduler/queue_budget.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus {

class ClassificationEngine {
 public:
  struct Options {
    MicroBatcher::Options batch;
    // What may wait to be run. Of max_tokens one call counts for half at most, that the texts of
    // others find room beside it.
    QueueBudget::Options queue;
    CoreLease* core_lease = nullptr;  // As EnginePipeline's.
    int max_text_tokens = INT_MAX;    // Where that is less than the model's context. >= 2.
  };

  // Starts the engine's threads. `tokenizer` and `observer` must outlive the engine.
  // INVALID_ARGUMENT names the option that is out of range, or says where model and tokenizer do
  // not fit together.
  static absl::StatusOr<std::unique_ptr<ClassificationEngine>> Create(
      std::unique_ptr<SequenceClassifier> model, const Tokenizer& tokenizer,
      EngineObserver& observer, const Options& options);

  // Drains without mercy.
  ~ClassificationEngine();

  // Accepts a call; ClassificationDone says how `on_done` is called. Never blocks. Each text is cut
  // at context_size(). After an error `on_done` is not called:
  // * INVALID_ARGUMENT: there is no text, or one is not to be cut and would be.
  // * RESOURCE_EXHAUSTED: too much waits already.
  // * UNAVAILABLE: draining.
  // * CANCELLED, DEADLINE_EXCEEDED: it comes too late.
  // All of them may reach `on_done` later. The deadline and `stop` are looked at before the texts
  // are tokenised and whenever a batch forms.
  absl::Status Submit(ClassificationRequest request, absl::Time deadline, std::stop_token stop,
                      ClassificationDone on_done);

  // Runs one text through both threads and waits for it. Not to be called from a callback.
  absl::Status WarmUp();

  // Accepts nothing more; lets accepted calls run until `until`, then fails them with UNAVAILABLE.
  // Does not wait. A later call may bring the end nearer.
  void Drain(absl::Time until);

  // After Drain: waits until every callback has returned and the threads have ended.
  void Join();

  EngineLoad load() const;
  // Most tokens of a text that the model reads.
  int context_size() const { return context_size_; }
  int vocab_size() const { return vocab_size_; }
  const std::vector<std::string>& labels() const { return labels_; }
  // Makes texts into tokens; any thread may use it.
  const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  struct Submission {
    absl::Time arrived_at;
    ClassificationRequest request;
    absl::Time deadline;
    std::stop_token stop;
    ClassificationDone on_done;
    QueueBudget::Ticket ticket;
  };

  ClassificationEngine(std::unique_ptr<ClassificationStepper> stepper, const Tokenizer& tokenizer,
                       EngineObserver& observer, const Options& options, int context_size,
                       int vocab_size, std::vector<std::string> labels);

  // On the tokenizer thread.
  std::optional<ClassificationStepper::Arrival> Prepare(Submission submission);
  absl::StatusOr<ClassificationStepper::Arrival> MakeArrival(Submission& submission);
  // Appends the tokens of a text to the arrival, cut.
  absl::Status AddText(const Submission& submission, size_t index,
                       ClassificationStepper::Arrival& arrival) const;

  const Tokenizer& tokenizer_;
  EngineObserver& observer_;
  const int context_size_;
  const int vocab_size_;
  const std::vector<std::string> labels_;
  QueueBudget budget_;
  uint64_t next_id_ = 1;                  // The tokenizer thread's.
  const ClassificationStepper* stepper_;  // The pipeline's; only what any thread may ask is asked.
  EnginePipeline<Submission, ClassificationStepper>
      pipeline_;  // Last: its threads use all of this.
};

}  // namespace chorus
