#pragma once

// Runs the texts of one encoder, a batch at a time: form → forward → publish. A Task says what
// calls ask for and what is made of a text's values: ClassifyTask scores, EmbedTask vectors. It
// must offer:
//   Request, Response;     // Of Response `results` has a message for each text.
//   Result;                // That message.
//   string_view kWhat;     // As Engine::what().
//   explicit Task(const SequenceEncoder&);
//   Status Check(Request);                          // Beyond the number of texts.
//   string FormText(const string&);                 // What the tokenizer is to read of a text.
//   StatusOr<int> NumUnpooled(const Tokenizer&, int most);  // Of a row (SequenceEncoder::Row).
//   const string* PairOf(Request, int index);       // The second text of a pair, or null.
//   void DropTexts(Request&);
//   void FillInfo(GetModelInfoResponse&);
//   void FillResult(Request, values, Result&);      // `values` are finite. Without its texts.
//   void FillResponse(Request, Response&);          // Likewise; what all results share.
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
#include "runner_server/engine/classify_task.h"
#include "runner_server/engine/embed_task.h"
#include "runner_server/engine/engine_observer.h"
#include "runner_server/engine/engine_of.h"
#include "runner_server/model/sequence_encoder.h"
#include "runner_server/scheduler/micro_batcher.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

template <typename Task>
class EncoderStepper {
 public:
  struct Options {
    MicroBatcher::Options batch;
    int max_text_tokens = INT_MAX;  // Caps the model's context. >= 2.
  };
  using Request = typename Task::Request;
  using Response = typename Task::Response;
  // Called exactly once, without a lock held, on the engine thread, or on the tokenizer thread if
  // the call ended there. Must not block.
  struct Callbacks {
    absl::AnyInvocable<void(absl::StatusOr<Response>) &&> on_done;
  };
  using Call = EngineCall<Request, Callbacks>;
  struct Arrival {
    TextCall call;
    std::vector<int> text_tokens;  // Of each row's text, before truncation.
    Callbacks callbacks;
    absl::Time arrived_at = absl::InfiniteFuture();  // Set by Prepare.
    Request request;                                 // Without its texts.
  };

  static constexpr std::string_view kWhat = Task::kWhat;
  static constexpr bool kManyTexts = true;

  // `tokenizer` and `observer` must outlive the stepper. INVALID_ARGUMENT names the option that is
  // out of range.
  static absl::StatusOr<std::unique_ptr<EncoderStepper>> Create(
      std::unique_ptr<SequenceEncoder> model, const Tokenizer& tokenizer, EngineObserver& observer,
      const Options& options);

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
  // with rows in that pass end with the error; a call with a row whose values are not finite ends
  // with INTERNAL, which names the text.
  void Step(absl::Time now);

  void FailAll(const absl::Status& status);

  int num_running() const { return num_running_.load(std::memory_order_relaxed); }

 private:
  // A call that has begun.
  struct Running {
    Request request;
    Response response;
    size_t num_missing;
    Callbacks callbacks;
    absl::Time arrived_at;
    absl::Time began_at = absl::InfiniteFuture();  // Its first batch.
  };

  EncoderStepper(std::unique_ptr<SequenceEncoder> model, const Tokenizer& tokenizer,
                 EngineObserver& observer, const Options& options)
      : model_(std::move(model)),
        task_(*model_),
        tokenizer_(tokenizer),
        observer_(observer),
        context_size_(std::min(model_->context_size(), options.max_text_tokens)) {}

  // Appends a text's truncated tokens to `arrival`.
  absl::Status AddText(const Request& request, int index, Arrival& arrival) const;
  // Records the begin of the calls with rows in `batch`.
  void Begin(const Batch& batch, absl::Time now);
  absl::StatusOr<std::span<const float>> Forward(const Batch& batch);
  // Ignored if the call has ended.
  void Publish(const BatchRow& row, std::span<const float> values);
  void Fail(uint64_t id, const absl::Status& status);  // Ignored if the call has ended.

  const std::unique_ptr<SequenceEncoder> model_;
  const Task task_;
  const Tokenizer& tokenizer_;
  EngineObserver& observer_;
  const int context_size_;
  int num_unpooled_ = 0;
  uint64_t next_id_ = 1;
  std::unique_ptr<MicroBatcher> batcher_;
  std::unordered_map<uint64_t, Running> calls_;
  std::vector<SequenceEncoder::Row> rows_;  // Of the current step.
  std::atomic<int> num_running_ = 0;
};

using ClassificationStepper = EncoderStepper<ClassifyTask>;
using ClassificationEngine = EngineOf<ClassificationStepper>;
using EmbeddingStepper = EncoderStepper<EmbedTask>;
using EmbeddingEngine = EngineOf<EmbeddingStepper>;

}  // namespace chorus::runner
