#pragma once

// Finds a sequence with a common prefix whose KV cache can be copied: a token's keys and values
// depend, to the bit, only on it and the tokens before it.
//
// Thread safety: free functions without state.

#include <memory>
#include <span>

#include "runner_server/scheduler/sequence.h"

namespace chorus::runner {

// Fewer tokens are not worth a copy.
inline constexpr int kMinSharedTokens = 16;
// So many tokens are worth waiting for: computing them takes longer than a step.
inline constexpr int kMinAwaitedTokens = 64;

struct PrefixShare {
  const Sequence* from = nullptr;  // Null: nothing to copy.
  int num_tokens = 0;              // To copy; fewer than the sequence has.
  bool worth_waiting = false;      // An older sequence is about to cache far more.
};

// The length of the common prefix.
int CommonPrefix(std::span<const int32_t> a, std::span<const int32_t> b);

// What `sequence`, in `running` and with nothing cached, can share. `running` is ordered oldest
// first; a sequence waits only for older ones, so never in a cycle.
PrefixShare FindPrefixShare(const Sequence& sequence,
                            std::span<const std::unique_ptr<Sequence>> running);

}  // namespace chorus::runner
