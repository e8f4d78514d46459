#pragma once

// Several streams as one. Of the index-th stream, the events' indexes are moved by that many times
// `stride`; what the `done` events count is summed up.
//
// Thread safety: the streams may be filled from any thread.

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/status/status.h"
#include "api_server/front/event_queue.h"
#include "api_server/protocols/fan_out.h"

namespace chorus::gateway {

class EventMerger : public std::enable_shared_from_this<EventMerger> {
 public:
  EventMerger(std::shared_ptr<EventQueue> to, uint32_t stride)
      : to_(std::move(to)), stride_(stride) {}

  // Moves the stream's events until it ends, and then calls `done`.
  void Add(int index, std::shared_ptr<EventQueue> from, CallDone done);

  // All have ended.
  void End(absl::Status status);

 private:
  void Move(uint32_t first, v1::StreamEvent event);

  const std::shared_ptr<EventQueue> to_;
  const uint32_t stride_;
  std::mutex mutex_;      // Guards done_.
  v1::StreamEvent done_;  // Of all.
};

}  // namespace chorus::gateway
