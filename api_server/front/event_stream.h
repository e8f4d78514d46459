#pragma once

// A stream of events as the body of an HTTP reply.
//
// Thread safety: free functions; the stream's as HttpStream.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api_server/front/event_queue.h"
#include "api_server/front/http_message.h"

namespace chorus::gateway {

// How a protocol encodes events.
struct EventFraming {
  std::string content_type;
  std::string heartbeat;  // Bytes that readers ignore.
  // Encodes one event; an error event is the last. Called by one thread at a time.
  std::function<std::string(const v1::StreamEvent& event)> write;
};

// This API's framing that `accept` prefers, the first by default. Null if it excludes both.
//
// Server-sent events (WHATWG HTML, section 9.2):
//
//   event: token
//   data: {"index":0,"branch":"gpt2","text":" is"}
//
// or a JSON object a line: {"token":{"index":0,"branch":"gpt2","text":" is"}}.
const EventFraming* ChooseFraming(std::string_view accept);

// `request_id` is logged with what clients must not see of an error.
HttpReply StreamReply(std::shared_ptr<EventQueue> events, const EventFraming& framing,
                      std::string request_id);

}  // namespace chorus::gateway
