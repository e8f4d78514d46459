#pragma once

// What the front hears of a run while it goes on.
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

namespace chorus {

// Notes what there is of a run as yet, for the access log's line of a call that is cut.
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

// Puts what it hears into a stream, besides.
class StreamingListener final : public UsageListener {
 public:
  // With `explain` scores tell where their text's time went.
  StreamingListener(std::shared_ptr<EventQueue> events, bool explain,
                    std::shared_ptr<ReplyNotes> notes)
      : UsageListener(std::move(notes)), events_(std::move(events)), explain_(explain) {}

  void OnText(const TextId& id, v1::TextDelta delta) override;
  void OnGenerated(const TextId& id, const GraphResult& text) override;
  void OnScored(const TextId& id, const GraphResult& text) override;
  bool may_restart() const override { return false; }

  // The end of a run that went well, all of which has been heard. `seed` is the run's.
  void End(uint64_t seed);

 private:
  const std::shared_ptr<EventQueue> events_;
  const bool explain_;
  std::atomic<uint32_t> prompt_tokens_ = 0;     // Of every generator that has ended,
  std::atomic<uint32_t> generated_tokens_ = 0;  // whether its text is in the reply or not.
};

}  // namespace chorus
