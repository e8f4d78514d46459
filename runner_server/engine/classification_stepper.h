#pragma once

// Runs the classifications of one model, a batch at a time: form → forward → publish.
//
// Thread safety: none; created anywhere, then used by the engine thread only, except num_running(),
// which any thread may ask.
// Invariant: calls_ holds exactly the calls with rows in the batcher, between steps.

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runner_server/engine/classification.h"
#include "runner_server/engine/engine_observer.h"
#include "runner_server/model/sequence_classifier.h"
#include "runner_server/scheduler/micro_batcher.h"

namespace chorus {

class ClassificationStepper {
 public:
  struct Arrival {
    ClassificationCall call;
    std::vector<int> text_tokens;  // Of each row's text, before it was cut.
    ClassificationDone on_done;
    absl::Time arrived_at = absl::InfiniteFuture();  // By default just now.
  };

  // `observer` must outlive the stepper. INVALID_ARGUMENT names the option that is out of range.
  static absl::StatusOr<std::unique_ptr<ClassificationStepper>> Create(
      std::unique_ptr<SequenceClassifier> model, EngineObserver& observer,
      const MicroBatcher::Options& options);

  void Add(Arrival arrival);
  bool HasWork() const { return batcher_->HasWork(); }

  // Of the steps that follow; as the model's.
  void set_num_threads(int num_threads) { model_->set_num_threads(num_threads); }

  // Ends what nobody wants any more, then runs one forward pass. If the model throws, the calls
  // with rows in that pass end with the error; one with a row whose logits are not finite ends with
  // INTERNAL, which names the text.
  void Step(absl::Time now);

  void FailAll(const absl::Status& status);

  int num_running() const { return num_running_.load(std::memory_order_relaxed); }

 private:
  struct Call {
    ClassificationResults results;
    size_t num_missing;
    ClassificationDone on_done;
    absl::Time arrived_at;
    absl::Time began_at = absl::InfiniteFuture();  // Its first batch.
  };

  ClassificationStepper(std::unique_ptr<SequenceClassifier> model, EngineObserver& observer)
      : model_(std::move(model)), observer_(observer) {}

  // Notes in whose calls a batch that began at `now` has rows.
  void Begin(const Batch& batch, absl::Time now);
  absl::StatusOr<std::span<const float>> Forward(const Batch& batch);
  // Unless the call has ended.
  void Publish(const BatchRow& row, std::span<const float> logits);
  void Fail(uint64_t id, const absl::Status& status);  // If the call has not ended yet.

  const std::unique_ptr<SequenceClassifier> model_;
  EngineObserver& observer_;
  std::unique_ptr<MicroBatcher> batcher_;
  std::unordered_map<uint64_t, Call> calls_;
  std::vector<std::span<const int32_t>> rows_;  // Of the current step.
  std::atomic<int> num_running_ = 0;
};

// exp(logit) over the sum of all, in double. `logits` must not be empty.
std::vector<double> Softmax(std::span<const float> logits);

}  // namespace chorus
