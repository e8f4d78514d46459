#include "runner_server/engine/generation.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "runner_server/engine/stop_string_matcher.h"

namespace chorus::runner {
namespace {

StopStringMatcher MakeMatcher(const chorus::v1::GenerationParams& params) {
  return StopStringMatcher(std::vector<std::string>(params.stop().begin(), params.stop().end()));
}

}  // namespace

GenerationArrival MakeArrival(GenerationCall& call, std::vector<int32_t> tokens, int max_tokens) {
  const runner::v1::GenerateRequest& request = call.request;
  auto sequence = std::make_unique<Sequence>();
  sequence->num_prompt_tokens = static_cast<int>(tokens.size());
  sequence->tokens = std::move(tokens);
  sequence->max_tokens = max_tokens;
  sequence->deadline = call.deadline;
  if (request.finish_within_seconds() > 0) {
    sequence->finish_by = call.arrived_at + absl::Seconds(request.finish_within_seconds());
  }
  sequence->stop = std::move(call.stop);
  sequence->underway = request.underway();
  sequence->priority = request.priority();
  sequence->runs_whole = request.params().prompt_logprobs();
  sequence->text_index = request.sequence();
  sequence->ticket = std::move(call.ticket);
  return {.sequence = std::move(sequence),
          .request = std::move(call.request),
          .callbacks = std::move(call.callbacks),
          .arrived_at = call.arrived_at};
}

StopClock::StopClock(const std::stop_token& stop) : callback_(stop, Record{stopped_at_nanos_}) {}

void StopClock::Record::operator()() const { nanos.store(absl::GetCurrentTimeNanos()); }

absl::Duration StopClock::SinceStop() const {
  const int64_t nanos = stopped_at_nanos_.load();
  return nanos == 0 ? absl::ZeroDuration() : absl::Now() - absl::FromUnixNanos(nanos);
}

Generation::Generation(GenerationArrival& arrival, const TokenBytes& token_bytes)
    : callbacks(std::move(arrival.callbacks)),
      request(std::move(arrival.request)),
      text(token_bytes, MakeMatcher(request.params()), arrival.sequence->tokens),
      clock(arrival.arrived_at),
      stop_clock(arrival.sequence->stop) {}

}  // namespace chorus::runner
