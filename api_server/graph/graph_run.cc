#include "api_server/graph/graph_run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace chorus {
namespace {

// What a reply takes on its way, of the time that is left.
constexpr absl::Duration kLeastWay = absl::Milliseconds(5);
constexpr absl::Duration kMostWay = absl::Milliseconds(50);
// The runner then says that there is no time for a token.
constexpr absl::Duration kLeastTime = absl::Milliseconds(1);

// Payloads of a node's error.
constexpr char kNodeUrl[] = "chorus/node";
constexpr char kStageUrl[] = "chorus/stage";

}  // namespace

std::optional<FailedNode> FailedNodeOf(const absl::Status& status) {
  const auto node = status.GetPayload(kNodeUrl);
  const auto stage = status.GetPayload(kStageUrl);
  if (!node.has_value() || !stage.has_value()) return std::nullopt;
  return FailedNode{std::string(*node), std::string(*stage)};
}

absl::Status CheckNotEnded(const CallContext& context, absl::Time now) {
  if (context.stop.stop_requested()) return absl::CancelledError("the caller has cancelled");
  if (now >= context.deadline) {
    return absl::DeadlineExceededError("the deadline passed before the call began");
  }
  return absl::OkStatus();
}

GraphRun::GraphRun(Options options)
    : options_(std::move(options)),
      texts_(options_.graph->generators().size() * options_.num_sequences),
      progress_(texts_.size()),
      stats_(options_.stats.get(), texts_.size()),
      plans_(options_.num_sequences, Plan(*options_.graph)) {}

void GraphRun::Start() {
  caller_stop_.emplace(options_.context.stop, RequestStop{stop_});
  std::vector<Task> tasks;
  for (int sequence = 0; sequence < options_.num_sequences; ++sequence) {
    for (const Plan::Step step : plans_[sequence].Start()) tasks.push_back({step, sequence});
  }
  // Before the first call goes out: it may end on another thread while the second starts.
  num_open_steps_ = static_cast<int>(tasks.size());
  for (const Task task : tasks) Launch(task);
}

void GraphRun::Launch(Task task) {
  stats_.Begin(task.step, NumberOf(task), (*options_.clock)());
  task.step.kind == Plan::Step::kGenerate ? Generate(task.step.index, task.sequence)
                                          : Classify(task.step.index, task.sequence);
}

void GraphRun::Generate(int generator, int sequence) {
  const Graph::Generator& node = options_.graph->generators()[generator];
  GraphResult& text = text_of(generator, sequence);
  text.runner = node.runner;
  text.generated =
      node.input.has_value() ? text_of(*node.input, sequence).generated : options_.request.text;
  text.prompt_bytes = text.generated.size();
  text.seed = options_.params[generator].seed();
  Progress& progress = progress_[IndexOf(generator, sequence)];
  progress.shares = DealTime();
  runner::v1::GenerateRequest request;
  request.set_text(text.generated);
  *request.mutable_params() = options_.params[generator];
  request.set_branch(static_cast<uint32_t>(generator));
  request.set_sequence(static_cast<uint32_t>(sequence));
  request.set_underway(node.input.has_value());
  request.set_finish_within_seconds(absl::ToDoubleSeconds(progress.shares.text()));
  RunnerClient::OnRestart on_restart;  // Not once somebody may have seen the text.
  if (options_.listener == nullptr || options_.listener->may_restart()) {
    on_restart = [self = shared_from_this(), generator, sequence] {
      self->OnRestart(generator, sequence);
    };
  }
  if (options_.listener != nullptr && text.generated.size() > options_.request.text.size()) {
    v1::TextDelta before;
    before.set_text(text.generated.substr(options_.request.text.size()));
    options_.listener->OnText(IdOf(generator, sequence), std::move(before));
  }
  progress.began_at = (*options_.clock)();
  options_.generators[generator]->Generate(
      std::move(request), StepContext(),
      [self = shared_from_this(), generator, sequence](v1::TextDelta delta) {
        self->OnText(generator, sequence, std::move(delta));
      },
      std::move(on_restart),
      [self = shared_from_this(), generator, sequence](absl::StatusOr<v1::GenerationEnd> end) {
        const absl::Status status =
            self->Explain(self->progress_[self->IndexOf(generator, sequence)].shares, end.status());
        if (status.ok()) self->OnGenerated(generator, sequence, *std::move(end));
        self->OnEnd({{Plan::Step::kGenerate, generator}, sequence}, status);
      });
}

void GraphRun::OnRestart(int generator, int sequence) {
  GraphResult& text = text_of(generator, sequence);
  text.generated.resize(text.prompt_bytes);
  text.logprobs.Clear();
  progress_[IndexOf(generator, sequence)].last_text_at = absl::InfinitePast();
}

void GraphRun::OnText(int generator, int sequence, v1::TextDelta delta) {
  const Task task = {{Plan::Step::kGenerate, generator}, sequence};
  GraphResult& text = text_of(generator, sequence);
  stats_.OnToken(task.step, NumberOf(task));
  if (options_.observer != nullptr) {
    Progress& progress = progress_[IndexOf(generator, sequence)];
    const absl::Time now = (*options_.clock)();
    if (progress.last_text_at == absl::InfinitePast()) {
      options_.observer->OnFirstToken(text.runner, now - progress.began_at);
    } else if (delta.num_tokens() > 0) {
      options_.observer->OnNextTokens(text.runner, now - progress.last_text_at,
                                      static_cast<int>(delta.num_tokens()));
    }
    progress.last_text_at = now;
  }
  text.generated += delta.text();
  text.logprobs.MergeFrom(delta.logprobs());
  if (options_.listener != nullptr) {
    options_.listener->OnText(IdOf(generator, sequence), std::move(delta));
  }
}

void GraphRun::OnGenerated(int generator, int sequence, v1::GenerationEnd end) {
  GraphResult& text = text_of(generator, sequence);
  text.end = std::move(end);
  text.ended_at = (*options_.clock)();
  if (options_.observer != nullptr) {
    options_.observer->OnGenerated(
        options_.graph->name(), options_.graph->generators()[generator].name, text.end,
        text.ended_at - progress_[IndexOf(generator, sequence)].began_at);
  }
  if (options_.listener != nullptr) {
    options_.listener->OnGenerated(IdOf(generator, sequence), text);
  }
}

void GraphRun::Classify(int row, int sequence) {
  const int generator = options_.graph->classifier().inputs[row];
  runner::v1::ClassifyRequest request;
  request.add_texts(text_of(generator, sequence).generated);
  request.set_refuse_truncation(!options_.request.truncate);
  request.set_split_special_tokens(options_.request.params.split_special_tokens());
  request.set_underway(true);
  options_.classifier->Classify(
      std::move(request), StepContext(),
      [self = shared_from_this(), row, generator,
       sequence](absl::StatusOr<runner::v1::ClassifyResponse> classification) {
        absl::Status status = classification.status();
        if (status.ok() && classification->results_size() != 1) {
          status = absl::InternalError(
              absl::StrCat("one text was sent, ", classification->results_size(), " came back"));
        }
        if (status.ok()) self->OnScored(generator, sequence, *std::move(classification));
        self->OnEnd({{Plan::Step::kClassify, row}, sequence}, status);
      });
}

void GraphRun::OnScored(int generator, int sequence, runner::v1::ClassifyResponse classification) {
  GraphResult& text = text_of(generator, sequence);
  text.classification = std::move(classification);
  text.classify_time = (*options_.clock)() - text.ended_at;
  if (options_.observer != nullptr) {
    options_.observer->OnScored(options_.graph->name(), options_.graph->classifier().name,
                                text.classify_time);
  }
  if (options_.listener != nullptr) options_.listener->OnScored(IdOf(generator, sequence), text);
}

void GraphRun::OnEnd(Task task, const absl::Status& status) {
  stats_.End(task.step, NumberOf(task), EndOf(status), (*options_.clock)());
  std::vector<Plan::Step> next;
  bool failed = false;
  bool finished = false;
  {
    std::lock_guard lock(mutex_);
    --num_open_steps_;
    if (error_.ok() || options_.request.partial) {
      absl::Status error = Annotate(task.step, status);
      if (error.ok()) next = plans_[task.sequence].Complete(task.step);
      if (!next.empty()) {
        error = Annotate(next.front(), CheckNotEnded(options_.context, (*options_.clock)()));
      }
      if (!error.ok()) {
        next.clear();
        text_of(GeneratorOf(task.step), task.sequence).status = error;
        if (error_.ok()) error_ = std::move(error);
        failed = !options_.request.partial;
      }
    }
    num_open_steps_ += static_cast<int>(next.size());
    finished = num_open_steps_ == 0;
  }
  if (failed) stop_.request_stop();
  for (const Plan::Step ready : next) Launch({ready, task.sequence});
  if (finished) Finish();
}

// Runs once, when no step is open, so nothing else touches the run any more.
void GraphRun::Finish() {
  caller_stop_.reset();
  auto done = std::exchange(options_.done, nullptr);
  std::vector<std::pair<GraphResult*, absl::Status>> texts;
  bool any = false;  // That could be had.
  if (error_.ok() || options_.request.partial) {
    for (const int generator : options_.graph->outputs()) {
      for (int sequence = 0; sequence < options_.num_sequences; ++sequence) {
        texts.emplace_back(&text_of(generator, sequence), StatusOf(generator, sequence));
        any |= texts.back().second.ok();
      }
    }
  }
  if (any) {
    std::vector<GraphResult> results;
    for (auto& [text, status] : texts) {
      results.push_back(std::move(*text));
      results.back().status = std::move(status);
    }
    std::move(done)(std::move(results));
  } else {
    std::move(done)(error_);
  }
  done = nullptr;
  options_.ticket.reset();
}

absl::Status GraphRun::StatusOf(int generator, int sequence) {
  if (error_.ok() || text_of(generator, sequence).classification.results_size() > 0) {
    return absl::OkStatus();
  }
  // Its own failure, or that of a text it would have continued.
  std::optional<int> at = generator;
  while (at.has_value() && text_of(*at, sequence).status.ok()) {
    at = options_.graph->generators()[*at].input;
  }
  return at.has_value() ? text_of(*at, sequence).status : error_;
}

absl::Duration GraphRun::TimeShares::text() const {
  if (left == absl::InfiniteDuration()) return absl::ZeroDuration();
  return std::max(left - way - score, kLeastTime);
}

GraphRun::TimeShares GraphRun::DealTime() const {
  if (options_.context.deadline == absl::InfiniteFuture()) return {};
  const absl::Time now = (*options_.clock)();
  const absl::Duration left = options_.context.deadline - now;
  const absl::Duration way = std::clamp(left / 20, kLeastWay, kMostWay);
  TimeShares shares = {.left = left, .way = std::min(way, std::max(left, absl::ZeroDuration()))};
  if (options_.stats != nullptr) {
    const absl::Duration most = std::max((left - shares.way) / 2, absl::ZeroDuration());
    shares.score = std::min(options_.stats->classifier().Take(now).likely, most);
  }
  return shares;
}

absl::Status GraphRun::Explain(const TimeShares& shares, const absl::Status& status) const {
  if (!absl::IsDeadlineExceeded(status) || shares.left == absl::InfiniteDuration() ||
      (*options_.clock)() >= options_.context.deadline) {
    return status;
  }
  const auto show = [](absl::Duration duration) {
    return absl::FormatDuration(absl::Trunc(duration, absl::Microseconds(100)));
  };
  std::string words =
      absl::StrCat(status.message(), "; of the ", show(shares.left), " that the call had left, ");
  if (shares.score > absl::ZeroDuration()) {
    absl::StrAppend(&words, show(shares.score),
                    " were kept for the score (what scores took of late, at most half) and ");
  }
  absl::StrAppend(&words, show(shares.way), " for the reply's way; allow more time");
  return absl::DeadlineExceededError(words);
}

CallEnd GraphRun::EndOf(const absl::Status& status) const {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return CallEnd::kOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kNotFound:
      return CallEnd::kByCaller;
    case absl::StatusCode::kCancelled:
      return options_.context.stop.stop_requested() ? CallEnd::kByCaller : CallEnd::kCalledOff;
    default:
      return CallEnd::kFailed;
  }
}

TextId GraphRun::IdOf(int generator, int sequence) const {
  TextId id = {.branch = options_.graph->generators()[generator].name};
  if (const std::optional<int> output = options_.graph->output_of(generator)) {
    id.index = *output * options_.num_sequences + sequence;
  }
  return id;
}

CallContext GraphRun::StepContext() const {
  return {.deadline = options_.context.deadline,
          .stop = stop_.get_token(),
          .request_id = options_.context.request_id,
          .traceparent = options_.context.traceparent};
}

absl::Status GraphRun::Annotate(Plan::Step step, const absl::Status& status) const {
  if (status.ok()) return status;
  const bool generate = step.kind == Plan::Step::kGenerate;
  const std::string& node =
      generate ? options_.graph->generators()[step.index].name : options_.graph->classifier().name;
  const std::string& runner = generate ? options_.graph->generators()[step.index].runner
                                       : options_.graph->classifier().runner;
  const std::string place = options_.graph->has_classifier()
                                ? absl::StrCat(node, " (", runner, ")")
                                : runner;  // A single model has no nodes to speak of.
  absl::Status annotated(status.code(), absl::StrCat(place, ": ", status.message()));
  annotated.SetPayload(kNodeUrl, absl::Cord(node));
  annotated.SetPayload(kStageUrl, absl::Cord(generate ? "generate" : "classify"));
  return annotated;
}

}  // namespace chorus
