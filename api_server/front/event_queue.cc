#include "api_server/front/event_queue.h"

#include <algorithm>
#include <string>
#include <utility>

namespace chorus::gateway {
namespace {

// Whether `next` goes on with the text of `token`, and nothing has been said of its end.
bool Continues(const v1::TokenEvent& token, const v1::TokenEvent& next) {
  return token.index() == next.index() && token.branch() == next.branch() &&
         token.has_index() == next.has_index() && !token.has_finish_reason();
}

void Append(const v1::TokenEvent& next, v1::TokenEvent& token) {
  token.mutable_text()->append(next.text());
  token.set_num_tokens(token.num_tokens() + next.num_tokens());
  if (next.has_finish_reason()) token.set_finish_reason(next.finish_reason());
  if (next.has_logprobs()) token.mutable_logprobs()->MergeFrom(next.logprobs());
  if (next.has_prompt_logprobs()) {
    token.mutable_prompt_logprobs()->MergeFrom(next.prompt_logprobs());
  }
}

}  // namespace

void EventQueue::Push(v1::StreamEvent event) {
  absl::AnyInvocable<void() &&> ready;
  {
    const std::lock_guard lock(mutex_);
    const auto found =
        event.has_token()
            ? std::find_if(waiting_.events.begin(), waiting_.events.end(),
                           [&](const v1::StreamEvent& other) {
                             return other.has_token() && Continues(other.token(), event.token());
                           })
            : waiting_.events.end();
    if (found != waiting_.events.end()) {
      Append(event.token(), *found->mutable_token());
    } else {
      waiting_.events.push_back(std::move(event));
    }
    ready = std::exchange(ready_, nullptr);
  }
  if (ready) std::move(ready)();
}

void EventQueue::End(absl::Status status) {
  absl::AnyInvocable<void() &&> ready;
  {
    const std::lock_guard lock(mutex_);
    waiting_.end = std::move(status);
    ready = std::exchange(ready_, nullptr);
  }
  if (ready) std::move(ready)();
}

EventQueue::Batch EventQueue::Take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(waiting_, {});
}

void EventQueue::Wait(absl::AnyInvocable<void() &&> ready) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.events.empty() && !waiting_.end.has_value()) {
      ready_ = std::move(ready);
      return;
    }
  }
  std::move(ready)();
}

}  // namespace chorus::gateway
