#pragma once

// Finds whose KV cache a sequence can begin with. The keys and values of a token are a function of
// it and the tokens before it, to the bit, so those of an equal prefix can be copied.
//
// Thread safety: free functions without state.

#include <memory>
#include <span>

#include "runner_server/scheduler/sequence.h"

namespace chorus::runner {

// Fewer tokens are not worth a copy.
inline constexpr int kMinSharedTokens = 16;
// As many tokens are worth waiting for, since to compute them takes longer than a step does.
inline constexpr int kMinAwaitedTokens = 64;

struct PrefixShare {
  const Sequence* from = nullptr;  // Null: nothing to copy.
  int num_tokens = 0;              // To copy; fewer than the sequence has.
  bool worth_waiting = false;      // An older sequence is about to have far more.
};

// How many tokens both begin with.
int CommonPrefix(std::span<const int32_t> a, std::span<const int32_t> b);

// What `sequence`, which is in `running` and has nothing cached, can share. `running` is in order
// of age, oldest first; waiting is only ever for older ones, so never in a circle.
PrefixShare FindPrefixShare(const Sequence& sequence,
                            std::span<const std::unique_ptr<Sequence>> running);

}  // namespace chorus::runner
