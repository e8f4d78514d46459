#pragma once

// The front's listeners to a run in progress.
//
// Thread safety: as GraphListener.

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "api_server/front/call.h"
#include "api_server/front/event_queue.h"
#include "api_server/graph/executor.h"

namespace chorus::gateway {

// Keeps a run's usage up to date, for the access log if the call is cut.
class UsageListener : public GraphListener {
 public:
  explicit UsageListener(std::shared_ptr<ReplyNotes> notes) : notes_(std::move(notes)) {}

  void OnText(const TextId&, v1::TextDelta delta) override { CountTokens(delta.num_tokens()); }
  void OnGenerated(const TextId& id, const GraphResult& text) override;
  void OnScored(const TextId&, const GraphResult&) override {}
  bool may_restart() const override { return true; }

 protected:
  void CountTokens(uint32_t num_tokens);

 private:
  const std::shared_ptr<ReplyNotes> notes_;
  const absl::Time began_at_ = absl::Now();
};

// Also turns a run's progress into a stream's events.
class StreamingListener final : public UsageListener {
 public:
  // With `explain` score events have their text's timing.
  StreamingListener(std::shared_ptr<EventQueue> events, bool explain,
                    std::shared_ptr<ReplyNotes> notes)
      : UsageListener(std::move(notes)), events_(std::move(events)), explain_(explain) {}

  void OnText(const TextId& id, v1::TextDelta delta) override;
  void OnGenerated(const TextId& id, const GraphResult& text) override;
  void OnScored(const TextId& id, const GraphResult& text) override;
  bool may_restart() const override { return false; }

  // Ends the stream of a successful run, after its last callback. `seed` is the run's.
  void End(uint64_t seed);

 private:
  const std::shared_ptr<EventQueue> events_;
  const bool explain_;
  std::atomic<uint32_t> prompt_tokens_ = 0;     // Of every generator that has ended,
  std::atomic<uint32_t> generated_tokens_ = 0;  // also if its text is not in the reply.
  std::atomic<bool> depends_on_batch_ = false;
};

}  // namespace chorus::gateway
