#include "api_server/protocols/call_parts.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace chorus::gateway {

Call PartOf(const Call& call, std::stop_token stop) {
  Call part = call;
  part.stop = std::move(stop);
  part.notes = std::make_shared<ReplyNotes>();
  return part;
}

void AddNotes(const ReplyNotes& part, ReplyNotes& whole) {
  const CallUsage used = part.usage.Get();
  whole.usage.Update([&](CallUsage& usage) {
    const bool is_first = usage.generated_tokens == 0;
    usage.prompt_tokens += used.prompt_tokens;
    usage.generated_tokens += used.generated_tokens;
    usage.queue_time = std::max(usage.queue_time, used.queue_time);
    if (used.generated_tokens == 0) return;
    usage.first_token_time =
        is_first ? used.first_token_time : std::min(usage.first_token_time, used.first_token_time);
  });
  if (!part.finish_reason.empty()) whole.finish_reason = part.finish_reason;
}

}  // namespace chorus::gateway
