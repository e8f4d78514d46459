#pragma once

// A stream of events as the body of an HTTP reply: server-sent events (WHATWG HTML, section 9.2),
//
//   event: token
//   data: {"index":0,"branch":"gpt2","text":" is"}
//
// or a JSON object a line: {"token":{"index":0,"branch":"gpt2","text":" is"}}.
//
// Thread safety: as HttpStream.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "api_server/front/event_queue.h"
#include "api_server/front/http_message.h"

namespace chorus {

class EventStream final : public HttpStream {
 public:
  enum class StreamFormat { kServerSentEvents, kJsonLines };

  // Of the reply; `format` is what `accept` prefers, server-sent events where it does not care. No
  // format at all where it excludes both.
  static std::optional<StreamFormat> ChooseFormat(std::string_view accept);
  static std::string_view ContentType(StreamFormat format);

  // `request_id` goes to the log with what clients should not see of an error.
  EventStream(std::shared_ptr<EventQueue> events, StreamFormat format, std::string request_id)
      : events_(std::move(events)), format_(format), request_id_(std::move(request_id)) {}

  void Wait(absl::AnyInvocable<void() &&> ready) override { events_->Wait(std::move(ready)); }
  Piece Take() override;
  std::string Heartbeat() const override;
  std::string ErrorEvent(const absl::Status& error) const override;

 private:
  std::string Write(const v1::StreamEvent& event) const;

  const std::shared_ptr<EventQueue> events_;
  const StreamFormat format_;
  const std::string request_id_;
};

}  // namespace chorus
