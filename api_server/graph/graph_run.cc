#include "api_server/graph/graph_run.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace chorus {

absl::Status CheckNotEnded(const CallContext& context, absl::Time now) {
  if (context.stop.stop_requested()) return absl::CancelledError("the caller has cancelled");
  if (now >= context.deadline) {
    return absl::DeadlineExceededError("the deadline passed before the call began");
  }
  return absl::OkStatus();
}

GraphRun::GraphRun(Options options)
    : options_(std::move(options)),
      generated_(options_.graph->generators().size()),
      classifications_(options_.graph->classifier().inputs.size()),
      stats_(*options_.stats, generated_.size(), classifications_.size()),
      plan_(*options_.graph),
      num_open_steps_(0) {}

void GraphRun::Start() {
  caller_stop_.emplace(options_.context.stop, RequestStop{stop_});
  const std::vector<Plan::Step> steps = plan_.Start();
  // Before the first call goes out: it may end on another thread while the second starts.
  num_open_steps_ = static_cast<int>(steps.size());
  for (const Plan::Step step : steps) Launch(step);
}

void GraphRun::Launch(Plan::Step step) {
  stats_.Begin(step, (*options_.clock)());
  step.kind == Plan::Step::kGenerate ? Generate(step.index) : Classify(step.index);
}

void GraphRun::Generate(int index) {
  const std::optional<int> input = options_.graph->generators()[index].input;
  std::string& text = generated_[index].text;
  text = input.has_value() ? generated_[*input].text : options_.text;
  options_.generators[index]->Generate(
      text, options_.params[index], StepContext(),
      [self = shared_from_this(), index](std::string_view delta) {
        self->stats_.OnToken({Plan::Step::kGenerate, index});
        self->generated_[index].text.append(delta);
      },
      [self = shared_from_this(), index](absl::StatusOr<GenerationEnd> end) {
        if (end.ok()) self->generated_[index].end = *end;
        self->OnStepEnd({Plan::Step::kGenerate, index}, std::move(end).status());
      });
}

void GraphRun::Classify(int row) {
  const int generator = options_.graph->classifier().inputs[row];
  options_.classifier->Classify(
      {generated_[generator].text}, StepContext(),
      [self = shared_from_this(),
       row](absl::StatusOr<std::vector<TextClassification>> classifications) {
        absl::Status status = classifications.status();
        if (status.ok() && classifications->size() != 1) {
          status = absl::InternalError(
              absl::StrCat("one text was sent, ", classifications->size(), " came back"));
        }
        if (status.ok()) self->classifications_[row] = std::move(classifications->front());
        self->OnStepEnd({Plan::Step::kClassify, row}, std::move(status));
      });
}

void GraphRun::OnStepEnd(Plan::Step step, absl::Status status) {
  stats_.End(step, status.ok(), (*options_.clock)());
  std::vector<Plan::Step> next;
  bool failed = false;
  bool finished = false;
  {
    std::lock_guard lock(mutex_);
    --num_open_steps_;
    if (error_.ok()) {
      error_ = Annotate(step, status);
      if (error_.ok()) next = plan_.Complete(step);
      if (!next.empty())
        error_ = Annotate(next.front(), CheckNotEnded(options_.context, (*options_.clock)()));
      failed = !error_.ok();
      if (failed) next.clear();
    }
    num_open_steps_ += static_cast<int>(next.size());
    finished = num_open_steps_ == 0;
  }
  if (failed) stop_.request_stop();
  for (const Plan::Step ready : next) Launch(ready);
  if (finished) Finish();
}

// Runs once, when no step is open, so nothing else touches the run any more.
void GraphRun::Finish() {
  caller_stop_.reset();
  auto done = std::exchange(options_.done, nullptr);
  if (!error_.ok()) {
    std::move(done)(error_);
  } else {
    std::vector<GraphResult> results(classifications_.size());
    for (size_t row = 0; row < results.size(); ++row) {
      const int generator = options_.graph->classifier().inputs[row];
      results[row] = {
          .generated = generated_[generator].text,
          .classification = std::move(classifications_[row]),
          .runner = options_.graph->generators()[generator].runner,
          .finish_reason = generated_[generator].end.reason,
          .seed = options_.params[generator].seed,
      };
    }
    std::move(done)(std::move(results));
  }
  done = nullptr;
  options_.ticket.reset();
}

CallContext GraphRun::StepContext() const {
  return {.deadline = options_.context.deadline,
          .stop = stop_.get_token(),
          .request_id = options_.context.request_id};
}

absl::Status GraphRun::Annotate(Plan::Step step, const absl::Status& status) const {
  if (status.ok()) return status;
  const bool generate = step.kind == Plan::Step::kGenerate;
  const std::string& node =
      generate ? options_.graph->generators()[step.index].name : options_.graph->classifier().name;
  const std::string& runner = generate ? options_.graph->generators()[step.index].runner
                                       : options_.graph->classifier().runner;
  return absl::Status(status.code(), absl::StrCat(node, " (", runner, "): ", status.message()));
}

}  // namespace chorus
