#pragma once

// One generation: its request, its text so far, and whom to tell.
//
// Thread safety: none; of the engine thread.

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "runner_server/engine/engine_of.h"
#include "runner_server/engine/generation_clock.h"
#include "runner_server/engine/text_stream.h"
#include "runner_server/scheduler/scheduler.h"
#include "runner_server/tokenizer/detokenizer.h"

namespace chorus::runner {

// Called without a lock held; must not block. `on_delta` any number of times, on the engine thread;
// then `on_done` exactly once, on the engine thread, or on the tokenizer thread if the call ended
// there.
struct GenerationCallbacks {
  absl::AnyInvocable<void(chorus::v1::TextDelta)> on_delta = [](const chorus::v1::TextDelta&) {};
  absl::AnyInvocable<void(absl::StatusOr<chorus::v1::GenerationEnd>) &&> on_done;
};

using GenerationCall = EngineCall<runner::v1::GenerateRequest, GenerationCallbacks>;

// One that is to begin.
struct GenerationArrival {
  std::unique_ptr<Sequence> sequence;
  runner::v1::GenerateRequest request;  // With all defaults set.
  GenerationCallbacks callbacks;
  absl::Time arrived_at = absl::InfiniteFuture();
};

// What becomes of a call whose prompt has these tokens. It has all defaults set, and is left empty.
GenerationArrival MakeArrival(GenerationCall& call, std::vector<int32_t> tokens, int max_tokens);

// Records when a stop was requested.
class StopClock {
 public:
  explicit StopClock(const std::stop_token& stop);

  // Also zero while the requester of the stop is about to record it.
  absl::Duration SinceStop() const;

 private:
  struct Record {
    std::atomic<int64_t>& nanos;
    void operator()() const;
  };

  std::atomic<int64_t> stopped_at_nanos_ = 0;
  std::stop_callback<Record> callback_;  // Last: it may run while it is constructed.
};

struct Generation {
  // Moves everything but the sequence from `arrival`.
  Generation(GenerationArrival& arrival, const TokenBytes& token_bytes);

  GenerationCallbacks callbacks;
  const runner::v1::GenerateRequest request;
  TextStream text;
  GenerationClock clock;
  const StopClock stop_clock;
  int num_scored = 0;  // Tokens of the prompt whose log-probabilities were delivered.

  // Whether some of `sequence`, its own, are still wanted.
  bool scores_prompt(const Sequence& sequence) const {
    return request.params().prompt_logprobs() && num_scored < sequence.num_prompt_tokens;
  }
};

}  // namespace chorus::runner
