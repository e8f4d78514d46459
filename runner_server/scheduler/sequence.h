#pragma once

// One text being generated, as the scheduler sees it. Plain data; owned by the scheduler from Add
// on, read and extended by the engine between Schedule calls.

#include <cstdint>
#include <stop_token>
#include <vector>

#include "absl/time/time.h"
#include "runner_server/sampling/sampling_params.h"
#include "runner_server/scheduler/queue_budget.h"

namespace chorus {

struct Sequence {
  uint64_t id = 0;              // The caller's, unique among live sequences.
  std::vector<int32_t> tokens;  // The prompt (at least 1), then what has been generated.
  int num_prompt_tokens = 0;
  int max_tokens = 0;  // Prompt and new tokens together; at least one more than the prompt.
  SamplingParams sampling;
  absl::Time deadline = absl::InfiniteFuture();
  std::stop_token stop;
  QueueBudget::Ticket ticket;  // Released when the sequence gets its slot.

  int num_cached = 0;  // tokens[0, num_cached) have been through the model. The engine counts.
  int slot = -1;       // KV slot while running. The scheduler's.

  // Whether the prompt is through, so that each step adds one token.
  bool is_decoding() const { return num_cached >= num_prompt_tokens; }
  int num_uncached() const { return static_cast<int>(tokens.size()) - num_cached; }
  int num_generated() const { return static_cast<int>(tokens.size()) - num_prompt_tokens; }
};

}  // namespace chorus
