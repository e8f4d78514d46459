#pragma once

// One text being generated. Plain data, not thread-safe; owned by the scheduler from Add on, read
// and extended by the engine thread between Schedule calls.

#include <algorithm>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "absl/time/time.h"
#include "runner_server/scheduler/queue_budget.h"

namespace chorus::runner {

struct Sequence {
  uint64_t id = 0;              // Chosen by the caller, unique among live sequences.
  std::vector<int32_t> tokens;  // The prompt (at least 1), then generated tokens.
  int num_prompt_tokens = 0;
  int max_tokens = 0;  // Prompt and new tokens together, at least the prompt's.
  absl::Time deadline = absl::InfiniteFuture();
  absl::Time finish_by = absl::InfiniteFuture();  // The text is ended then.
  std::stop_token stop;
  QueueBudget::Ticket ticket;  // Released when the sequence is first in a step.
  bool underway = false;       // A step of a run for which runners have worked.
  int priority = 0;            // Goes before those of less.
  bool runs_whole = false;     // All of its prompt is run, none is copied from another.
  uint32_t text_index = 0;     // Among the texts of its branch.

  // tokens[0, num_cached) are in the KV cache. Advanced by the engine for tokens run and by the
  // scheduler for tokens copied; reset by preemption.
  int num_cached = 0;

  // Set by the scheduler.
  int slot = -1;            // KV slot while running.
  int num_unshared = 0;     // Tokens of the prompt that no older sequence had on arrival.
  int num_preemptions = 0;  // Times it lost its slot.
  int num_passed = 0;       // Newcomers that passed it.

  // Whether it has been in a step.
  bool has_run() const { return num_cached > 0 || num_preemptions > 0; }
  // Whether each step adds one token: all others are cached.
  bool is_decoding() const { return num_cached >= num_prompt_tokens && num_uncached() == 1; }
  // When it is dropped. Without a new token, finish_by counts too.
  absl::Time lapses_at() const {
    return num_generated() == 0 ? std::min(deadline, finish_by) : deadline;
  }
  int num_uncached() const { return static_cast<int>(tokens.size()) - num_cached; }
  int num_generated() const { return static_cast<int>(tokens.size()) - num_prompt_tokens; }
};

}  // namespace chorus::runner
