#include "api_server/protocols/event_merger.h"

namespace chorus::gateway {

void EventMerger::Add(int index, std::shared_ptr<EventQueue> from, CallDone done) {
  EventQueue& queue = *from;
  queue.Wait(
      [self = shared_from_this(), index, from = std::move(from), done = std::move(done)]() mutable {
        EventQueue::Batch batch = from->Take();
        const uint32_t first = static_cast<uint32_t>(index) * self->stride_;
        for (v1::StreamEvent& event : batch.events) self->Move(first, std::move(event));
        if (batch.end.has_value()) return std::move(done)(*std::move(batch.end));
        self->Add(index, std::move(from), std::move(done));
      });
}

void EventMerger::Move(uint32_t first, v1::StreamEvent event) {
  if (event.has_done()) {
    const std::lock_guard lock(mutex_);
    v1::DoneEvent& all = *done_.mutable_done();
    event.mutable_done()->set_prompt_tokens(all.prompt_tokens() + event.done().prompt_tokens());
    event.mutable_done()->set_generated_tokens(all.generated_tokens() +
                                               event.done().generated_tokens());
    done_ = std::move(event);
    return;
  }
  if (event.token().has_index()) event.mutable_token()->set_index(event.token().index() + first);
  if (event.score().has_index()) event.mutable_score()->set_index(event.score().index() + first);
  to_->Push(std::move(event));
}

void EventMerger::End(absl::Status status) {
  if (status.ok()) to_->Push(std::move(done_));
  to_->End(std::move(status));
}

}  // namespace chorus::gateway
