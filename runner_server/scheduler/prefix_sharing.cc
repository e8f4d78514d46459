#include "runner_server/scheduler/prefix_sharing.h"

#include <algorithm>

namespace chorus::runner {

int CommonPrefix(std::span<const int32_t> a, std::span<const int32_t> b) {
  const size_t shorter = std::min(a.size(), b.size());
  const auto end = std::mismatch(a.begin(), a.begin() + shorter, b.begin()).first;
  return static_cast<int>(end - a.begin());
}

PrefixShare FindPrefixShare(const Sequence& sequence,
                            std::span<const std::unique_ptr<Sequence>> running) {
  if (sequence.runs_whole) return {};
  // The last token has to run, for its logits.
  const auto own = std::span(sequence.tokens).first(sequence.tokens.size() - 1);
  PrefixShare share;
  int most_to_come = 0;
  bool is_older = true;
  for (const auto& other : running) {
    if (other.get() == &sequence) {
      is_older = false;
      continue;
    }
    const int common = CommonPrefix(own, other->tokens);
    const int available = std::min(common, other->num_cached);
    if (available >= kMinSharedTokens && available > share.num_tokens) {
      share.from = other.get();
      share.num_tokens = available;
    }
    if (is_older) most_to_come = std::max(most_to_come, common);
  }
  share.worth_waiting = most_to_come - share.num_tokens >= kMinAwaitedTokens;
  return share;
}

}  // namespace chorus::runner
