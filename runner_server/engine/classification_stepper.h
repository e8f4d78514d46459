#pragma once

// Runs the classifications of one model, a batch at a time: form → forward → publish.
//
// Thread safety: as EngineOf requires; num_running() may be called from any thread.
// Invariant: calls_ holds exactly the calls with rows in the batcher, between steps.

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "runner_server/engine/engine_observer.h"
#include "runner_server/engine/engine_of.h"
#include "runner_server/model/sequence_classifier.h"
#include "runner_server/scheduler/micro_batcher.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

class ClassificationStepper {
 public:
  struct Options {
    MicroBatcher::Options batch;
    int max_text_tokens = INT_MAX;  // Caps the model's context. >= 2.
  };
  using Request = runner::v1::ClassifyRequest;
  // Called exactly once, without a lock held, on the engine thread, or on the tokenizer thread if
  // the call ended there. Must not block.
  struct Callbacks {
    absl::AnyInvocable<void(absl::StatusOr<runner::v1::ClassifyResponse>) &&> on_done;
  };
  using Call = EngineCall<Request, Callbacks>;
  struct Arrival {
    ClassificationCall call;
    std::vector<int> text_tokens;  // Of each row's text, before truncation.
    Callbacks callbacks;
    absl::Time arrived_at = absl::InfiniteFuture();  // Set by Prepare.
  };

  static constexpr std::string_view kWhat = "a classifier, which implements Classify";
  static constexpr bool kManyTexts = true;

  // `tokenizer` and `observer` must outlive the stepper. INVALID_ARGUMENT names the option that is
  // out of range, or how model and tokenizer do not match.
  static absl::StatusOr<std::unique_ptr<ClassificationStepper>> Create(
      std::unique_ptr<SequenceClassifier> model, const Tokenizer& tokenizer,
      EngineObserver& observer, const Options& options);

  static Request WarmUpRequest();
  absl::Status Check(const Request& request) const;
  static int NumSequences(const Request& request) { return request.texts_size(); }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  void FillInfo(runner::v1::GetModelInfoResponse& info) const;
  void FillLoad(runner::v1::GetLoadResponse& load) const;

  // Truncates each text to the context. INVALID_ARGUMENT if the request forbids that.
  absl::StatusOr<Arrival> Prepare(Call& call) const;

  void Add(Arrival arrival);
  bool HasWork() const { return batcher_->HasWork(); }
  void set_num_threads(int num_threads) { model_->set_num_threads(num_threads); }

  // Drops cancelled and expired calls, then runs one forward pass. If the model throws, the calls
  // with rows in that pass end with the error; a call with a row whose logits are not finite ends
  // with INTERNAL, which names the text.
  void Step(absl::Time now);

  void FailAll(const absl::Status& status);

  int num_running() const { return num_running_.load(std::memory_order_relaxed); }

 private:
  // A call that has begun.
  struct Running {
    runner::v1::ClassifyResponse response;
    size_t num_missing;
    Callbacks callbacks;
    absl::Time arrived_at;
    absl::Time began_at = absl::InfiniteFuture();  // Its first batch.
  };

  ClassificationStepper(std::unique_ptr<SequenceClassifier> model, const Tokenizer& tokenizer,
                        EngineObserver& observer, const Options& options)
      : model_(std::move(model)),
        tokenizer_(tokenizer),
        observer_(observer),
        context_size_(std::min(model_->context_size(), options.max_text_tokens)) {}

  // Appends a text's truncated tokens to `arrival`.
  absl::Status AddText(const Request& request, int index, Arrival& arrival) const;
  // Records the begin of the calls with rows in `batch`.
  void Begin(const Batch& batch, absl::Time now);
  absl::StatusOr<std::span<const float>> Forward(const Batch& batch);
  // Ignored if the call has ended.
  void Publish(const BatchRow& row, std::span<const float> logits);
  void Fail(uint64_t id, const absl::Status& status);  // Ignored if the call has ended.

  const std::unique_ptr<SequenceClassifier> model_;
  const Tokenizer& tokenizer_;
  EngineObserver& observer_;
  const int context_size_;
  uint64_t next_id_ = 1;
  std::unique_ptr<MicroBatcher> batcher_;
  std::unordered_map<uint64_t, Running> calls_;
  std::vector<std::span<const int32_t>> rows_;  // Of the current step.
  std::atomic<int> num_running_ = 0;
};

using ClassificationEngine = EngineOf<ClassificationStepper>;

// Softmax in double precision. `logits` must not be empty.
std::vector<double> Softmax(std::span<const float> logits);

}  // namespace chorus::runner
