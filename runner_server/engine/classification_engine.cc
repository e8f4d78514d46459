#include "runner_server/engine/classification_engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "runner_server/engine/mailbox.h"
#include "runner_server/scheduler/still_wanted.h"

namespace chorus {
namespace {

QueueBudget::Options WithRoomForOthers(QueueBudget::Options options) {
  options.max_tokens_of_call = std::max(int64_t{1}, options.max_tokens / 2);
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClassificationEngine>> ClassificationEngine::Create(
    std::unique_ptr<SequenceClassifier> model, const Tokenizer& tokenizer, EngineObserver& observer,
    const Options& options) {
  if (tokenizer.vocab_size() > model->vocab_size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the tokenizer's vocabulary must have at most ", model->vocab_size(),
                     " entries, as the model's embedding: ", tokenizer.vocab_size()));
  }
  if (options.max_text_tokens < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_text_tokens must be at least 2: ", options.max_text_tokens));
  }
  const int context_size = std::min(model->context_size(), options.max_text_tokens);
  const int vocab_size = model->vocab_size();
  std::vector<std::string> labels = model->labels();
  ASSIGN_OR_RETURN(std::unique_ptr<ClassificationStepper> stepper,
                   ClassificationStepper::Create(std::move(model), observer, options.batch));
  return std::unique_ptr<ClassificationEngine>(
      new ClassificationEngine(std::move(stepper), tokenizer, observer, options, context_size,
                               vocab_size, std::move(labels)));
}

ClassificationEngine::ClassificationEngine(std::unique_ptr<ClassificationStepper> stepper,
                                           const Tokenizer& tokenizer, EngineObserver& observer,
                                           const Options& options, int context_size, int vocab_size,
                                           std::vector<std::string> labels)
    : tokenizer_(tokenizer),
      observer_(observer),
      context_size_(context_size),
      vocab_size_(vocab_size),
      labels_(std::move(labels)),
      budget_(WithRoomForOthers(options.queue)),
      stepper_(stepper.get()),
      pipeline_(
          std::move(stepper),
          [this](Submission submission) { return Prepare(std::move(submission)); },
          options.core_lease) {}

ClassificationEngine::~ClassificationEngine() = default;

absl::Status ClassificationEngine::Submit(ClassificationRequest request, absl::Time deadline,
                                          std::stop_token stop, ClassificationDone on_done) {
  if (request.texts.empty()) {
    return absl::InvalidArgumentError("texts must hold at least 1 text: 0");
  }
  const absl::Time now = absl::Now();
  if (absl::Status wanted = CheckStillWanted(stop, deadline, now); !wanted.ok()) {
    if (absl::IsDeadlineExceeded(wanted)) observer_.OnRejected(RejectReason::kDeadline);
    return wanted;
  }
  absl::StatusOr<QueueBudget::Ticket> ticket =
      budget_.Enter(std::ssize(request.texts), request.underway);
  if (!ticket.ok()) {
    observer_.OnRejected(RejectReason::kQueue);
    return ticket.status();
  }
  Submission submission = {
      now, std::move(request), deadline, std::move(stop), std::move(on_done), *std::move(ticket)};
  if (!pipeline_.TryPush(submission)) {
    observer_.OnRejected(RejectReason::kDraining);
    return absl::UnavailableError("the runner is shutting down; retry at another one");
  }
  return absl::OkStatus();
}

std::optional<ClassificationStepper::Arrival> ClassificationEngine::Prepare(Submission submission) {
  absl::StatusOr<ClassificationStepper::Arrival> arrival = MakeArrival(submission);
  if (arrival.ok()) return *std::move(arrival);
  submission.ticket.Release();
  std::move(submission.on_done)(arrival.status());
  return std::nullopt;
}

absl::StatusOr<ClassificationStepper::Arrival> ClassificationEngine::MakeArrival(
    Submission& submission) {
  ClassificationStepper::Arrival arrival;
  ClassificationCall& call = arrival.call;
  int64_t num_tokens = 0;
  for (size_t i = 0; i < submission.request.texts.size(); ++i) {
    // Asked for every text: a call of a thousand takes a while to tokenise.
    if (absl::Status wanted = CheckStillWanted(submission.stop, submission.deadline, absl::Now());
        !wanted.ok()) {
      if (absl::IsDeadlineExceeded(wanted)) observer_.OnRejected(RejectReason::kDeadline);
      return wanted;
    }
    RETURN_IF_ERROR(AddText(submission, i, arrival));
    num_tokens += std::ssize(call.rows.back());
  }
  if (absl::Status room = submission.ticket.AddTokens(num_tokens); !room.ok()) {
    observer_.OnRejected(RejectReason::kTokens);
    return room;
  }
  call.id = next_id_++;
  call.deadline = submission.deadline;
  call.stop = std::move(submission.stop);
  call.ticket = std::move(submission.ticket);
  call.underway = submission.request.underway;
  arrival.on_done = std::move(submission.on_done);
  arrival.arrived_at = submission.arrived_at;
  return arrival;
}

absl::Status ClassificationEngine::AddText(const Submission& submission, size_t index,
                                           ClassificationStepper::Arrival& arrival) const {
  const ClassificationRequest& request = submission.request;
  std::vector<int32_t> ids = tokenizer_.Encode(request.texts[index], request.split_special_tokens);
  const int text_tokens = static_cast<int>(ids.size());
  if (text_tokens > context_size_ && request.refuse_truncation) {
    return absl::InvalidArgumentError(
        absl::StrCat("texts[", index, "] has ", text_tokens, " tokens and the model reads at most ",
                     context_size_, ": shorten it, or allow that it is cut"));
  }
  tokenizer_.Truncate(ids, context_size_);
  arrival.call.rows.push_back(std::move(ids));
  arrival.text_tokens.push_back(text_tokens);
  return absl::OkStatus();
}

absl::Status ClassificationEngine::WarmUp() {
  Mailbox<absl::Status> ended;
  RETURN_IF_ERROR(Submit({.texts = {"Hello"}}, absl::InfiniteFuture(), std::stop_token(),
                         [&ended](absl::StatusOr<ClassificationResults> results) {
                           absl::Status status = results.status();
                           ended.TryPush(status);
                         }));
  return *ended.Take();
}

void ClassificationEngine::Drain(absl::Time until) { pipeline_.Drain(until); }

void ClassificationEngine::Join() { pipeline_.Join(); }

EngineLoad ClassificationEngine::load() const {
  const QueueBudget::Usage queued = budget_.usage();
  return {.running_sequences = stepper_->num_running(),
          .queued_sequences = queued.sequences,
          .queued_tokens = queued.tokens};
}

}  // namespace chorus
