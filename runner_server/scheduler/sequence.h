#pragma once

// One text being generated, as the scheduler sees it. Plain data; owned by the scheduler from Add
// on, read and extended by the engine between Schedule calls.

#include <algorithm>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "absl/time/time.h"
#include "runner_server/scheduler/queue_budget.h"

namespace chorus::runner {

struct Sequence {
  uint64_t id = 0;              // The caller's, unique among live sequences.
  std::vector<int32_t> tokens;  // The prompt (at least 1), then what has been generated.
  int num_prompt_tokens = 0;
  int max_tokens = 0;  // Prompt and new tokens together; at least one more than the prompt.
  absl::Time deadline = absl::InfiniteFuture();
  absl::Time finish_by = absl::InfiniteFuture();  // The text that is there by then is all of it.
  std::stop_token stop;
  QueueBudget::Ticket ticket;  // Released when the sequence is first in a step.
  bool underway = false;       // A step of a run that runners have worked for already.
  uint32_t text_index = 0;     // Among the texts of its branch.

  // tokens[0, num_cached) are in the KV cache. The engine counts what it has run; the scheduler,
  // what it has copied, and it begins anew after a preemption.
  int num_cached = 0;

  // The scheduler's.
  int slot = -1;            // KV slot while running.
  int num_unshared = 0;     // Of the prompt, what no older sequence had too on arrival.
  int num_preemptions = 0;  // How often it had to give up its slot.
  int num_passed = 0;       // Newcomers that had their turn before it.

  // Whether it has been in a step.
  bool has_run() const { return num_cached > 0 || num_preemptions > 0; }
  // Whether each step adds one token: all else is cached, be it for the first time or once more
  // after a preemption.
  bool is_decoding() const { return num_cached >= num_prompt_tokens && num_uncached() == 1; }
  // When it is dropped; one without a new token has nothing to finish with.
  absl::Time lapses_at() const {
    return num_generated() == 0 ? std::min(deadline, finish_by) : deadline;
  }
  int num_uncached() const { return static_cast<int>(tokens.size()) - num_cached; }
  int num_generated() const { return static_cast<int>(tokens.size()) - num_prompt_tokens; }
};

}  // namespace chorus::runner
