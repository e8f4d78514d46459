#include "api_server/graph/graph_run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/error_details.h"

namespace chorus::gateway {
namespace {

// Bounds of the time reserved for sending the reply.
constexpr absl::Duration kLeastWay = absl::Milliseconds(5);
constexpr absl::Duration kMostWay = absl::Milliseconds(50);
// With it the runner reports that there is no time for a token.
constexpr absl::Duration kLeastTime = absl::Milliseconds(1);

// Status payloads that name a node.
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
      texts_(options_.graph->nodes().size() * options_.num_sequences),
      plans_(options_.num_sequences, Plan(*options_.graph)) {
  for (const Graph::Step& step : options_.graph->steps()) {
    for (int sequence = 0; sequence < options_.num_sequences; ++sequence) {
      calls_.push_back({.step = &step, .sequence = sequence});
    }
  }
}

absl::Status GraphRun::CheckRoom() {
  if (options_.request.partial) return absl::OkStatus();
  for (const int step : plans_.front().Start()) {
    Call& call = call_of(step, 0);
    const absl::Status status =
        node_of(call).operation->CheckRoom(*options_.runners[call.step->node], options_.request);
    if (status.ok()) continue;
    if (NodeStats* stats = stats_of(call.step->node)) {
      const absl::Time now = (*options_.clock)();
      call.counted = stats->Begin(now);
      stats->End(call.counted, EndOf(status), now);
    }
    return Annotate(call, status);
  }
  return absl::OkStatus();
}

void GraphRun::Start() {
  caller_stop_.emplace(options_.context.stop, RequestStop{stop_});
  std::vector<Call*> calls;
  for (int sequence = 0; sequence < options_.num_sequences; ++sequence) {
    for (const int step : plans_[sequence].Start()) calls.push_back(&call_of(step, sequence));
  }
  // Before the first launch, since a call may end on another thread while the next one starts.
  num_open_steps_ = static_cast<int>(calls.size());
  for (Call* call : calls) Launch(*call);
}

void GraphRun::Launch(Call& call) {
  call.began_at = (*options_.clock)();
  if (NodeStats* stats = stats_of(call.step->node)) call.counted = stats->Begin(call.began_at);
  if (node_of(call).writes()) BeginText(call);
  RunnerClient::OnRestart on_restart;  // Null if the text may have been seen.
  if (options_.listener == nullptr || options_.listener->may_restart()) {
    on_restart = [self = shared_from_this(), &call] { self->OnRestart(call); };
  }
  node_of(call).operation->Start({
      .runner = *options_.runners[call.step->node],
      .context = StepContext(),
      .run = options_.request,
      .text = text_of(call),
      .branch = static_cast<uint32_t>(call.step->node),
      .sequence = static_cast<uint32_t>(call.sequence),
      .underway = !call.step->inputs.empty(),
      .finish_within = call.shares.text(),
      .on_text = [self = shared_from_this(),
                  &call](v1::TextDelta delta) { self->OnText(call, std::move(delta)); },
      .on_restart = std::move(on_restart),
      .done = [self = shared_from_this(),
               &call](const absl::Status& status) { self->OnDone(call, status); },
  });
}

void GraphRun::BeginText(Call& call) {
  GraphResult& text = text_of(call);
  const std::vector<int>& inputs = call.step->inputs;
  const std::string& asked = options_.request.text;
  text.runner = node_of(call).runner;
  text.generated = inputs.empty() ? asked : text_of(inputs.front(), call.sequence).generated;
  text.prompt_bytes = text.generated.size();
  text.seed = options_.request.params.seed();
  call.shares = DealTime();
  if (options_.listener == nullptr || text.generated.size() <= asked.size()) return;
  v1::TextDelta before;
  before.set_text(text.generated.substr(asked.size()));
  options_.listener->OnText(IdOf(call), std::move(before));
}

void GraphRun::OnRestart(Call& call) {
  GraphResult& text = text_of(call);
  text.generated.resize(text.prompt_bytes);
  text.logprobs.Clear();
  text.prompt_logprobs.Clear();
  call.last_text_at = absl::InfinitePast();
}

void GraphRun::OnText(Call& call, v1::TextDelta delta) {
  GraphResult& text = text_of(call);
  const bool has_tokens = delta.num_tokens() > 0;
  NodeStats* const stats = stats_of(call.step->node);
  if (stats != nullptr && has_tokens) stats->OnFirstToken(call.counted);
  if (options_.observer != nullptr && has_tokens) {
    const absl::Time now = (*options_.clock)();
    if (call.last_text_at == absl::InfinitePast()) {
      options_.observer->OnFirstToken(text.runner, now - call.began_at);
    } else {
      options_.observer->OnNextTokens(text.runner, now - call.last_text_at,
                                      static_cast<int>(delta.num_tokens()));
    }
    call.last_text_at = now;
  }
  text.generated += delta.text();
  text.logprobs.MergeFrom(delta.logprobs());
  text.prompt_logprobs.MergeFrom(delta.prompt_logprobs());
  if (options_.listener != nullptr) options_.listener->OnText(IdOf(call), std::move(delta));
}

void GraphRun::OnDone(Call& call, const absl::Status& status) {
  const bool writes = node_of(call).writes();
  if (status.ok()) writes ? OnGenerated(call) : OnScored(call);
  OnEnd(call, writes ? Explain(call.shares, status) : status);
}

void GraphRun::OnGenerated(Call& call) {
  GraphResult& text = text_of(call);
  text.ended_at = (*options_.clock)();
  if (options_.observer != nullptr) {
    options_.observer->OnGenerated(options_.graph->name(), node_of(call).name, text.end,
                                   text.ended_at - call.began_at);
  }
  if (options_.listener != nullptr) options_.listener->OnGenerated(IdOf(call), text);
}

void GraphRun::OnScored(Call& call) {
  GraphResult& text = text_of(call);
  text.classify_time = (*options_.clock)() - text.ended_at;
  if (options_.observer != nullptr) {
    options_.observer->OnScored(options_.graph->name(), node_of(call).name, text.classify_time);
  }
  if (options_.listener != nullptr) options_.listener->OnScored(IdOf(call), text);
}

void GraphRun::OnEnd(Call& call, const absl::Status& status) {
  if (NodeStats* stats = stats_of(call.step->node)) {
    stats->End(call.counted, EndOf(status), (*options_.clock)());
  }
  std::vector<Call*> next;
  bool failed = false;
  bool finished = false;
  {
    std::lock_guard lock(mutex_);
    --num_open_steps_;
    if (error_.ok() || options_.request.partial) {
      absl::Status error = Annotate(call, status);
      if (error.ok()) {
        const auto step = static_cast<int>(call.step - options_.graph->steps().data());
        for (const int ready : plans_[call.sequence].Complete(step)) {
          next.push_back(&call_of(ready, call.sequence));
        }
      }
      if (!next.empty()) {
        error = Annotate(*next.front(), CheckNotEnded(options_.context, (*options_.clock)()));
      }
      if (!error.ok()) {
        next.clear();
        text_of(call).status = error;
        if (error_.ok()) error_ = std::move(error);
        failed = !options_.request.partial;
      }
    }
    num_open_steps_ += static_cast<int>(next.size());
    finished = num_open_steps_ == 0;
  }
  if (failed) stop_.request_stop();
  for (Call* ready : next) Launch(*ready);
  if (finished) Finish();
}

// Called once, when no step is open, so nothing else accesses the run.
void GraphRun::Finish() {
  caller_stop_.reset();
  auto done = std::exchange(options_.done, nullptr);
  std::vector<std::pair<GraphResult*, absl::Status>> texts;
  bool any = false;  // Without error.
  if (error_.ok() || options_.request.partial) {
    for (const int node : options_.graph->outputs()) {
      for (int sequence = 0; sequence < options_.num_sequences; ++sequence) {
        texts.emplace_back(&text_of(node, sequence), StatusOf(node, sequence));
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

absl::Status GraphRun::StatusOf(int node, int sequence) {
  if (error_.ok() || text_of(node, sequence).classification.results_size() > 0) {
    return absl::OkStatus();
  }
  absl::Status failure = FailureOf(node, sequence);
  return failure.ok() ? error_ : failure;
}

absl::Status GraphRun::FailureOf(int node, int sequence) {
  absl::Status failure = text_of(node, sequence).status;
  for (const int input : options_.graph->nodes()[node].inputs) {
    if (failure.ok()) failure = FailureOf(input, sequence);
  }
  return failure;
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
    shares.score = std::min(options_.stats->back().Take(now).likely, most);
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

TextId GraphRun::IdOf(const Call& call) const {
  TextId id = {.branch = options_.graph->nodes()[call.step->text].name};
  if (const std::optional<int> output = options_.graph->output_of(call.step->text)) {
    id.index = *output * options_.num_sequences + call.sequence;
  }
  return id;
}

CallContext GraphRun::StepContext() const {
  return {.deadline = options_.context.deadline,
          .stop = stop_.get_token(),
          .request_id = options_.context.request_id,
          .traceparent = options_.context.traceparent,
          .priority = options_.context.priority};
}

absl::Status GraphRun::Annotate(const Call& call, const absl::Status& status) const {
  if (status.ok()) return status;
  const Graph::Node& node = node_of(call);
  const std::string place = options_.graph->is_of_model()
                                ? node.runner  // A single model has no nodes to speak of.
                                : absl::StrCat(node.name, " (", node.runner, ")");
  absl::Status annotated = OfPlace(status, place);
  annotated.SetPayload(kNodeUrl, absl::Cord(node.name));
  annotated.SetPayload(kStageUrl, absl::Cord(node.kind));
  return annotated;
}

}  // namespace chorus::gateway
