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

namespace chorus {

// How a protocol writes events.
struct EventFraming {
  std::string content_type;
  std::string heartbeat;  // Bytes that mean nothing.
  // An event in full; an error, which is the last, too. Called by one thread at a time.
  std::function<std::string(const v1::StreamEvent& event)> write;
};

// Of this API the one that `accept` prefers, the first where it does not care. Null where it
// excludes both.
//
// Server-sent events (WHATWG HTML, section 9.2):
//
//   event: token
//   data: {"index":0,"branch":"gpt2","text":" is"}
//
// or a JSON object a line: {"token":{"index":0,"branch":"gpt2","text":" is"}}.
const EventFraming* ChooseFraming(std::string_view accept);

// `request_id` goes to the log with what clients should not see of an error.
HttpReply StreamReply(std::shared_ptr<EventQueue> events, const EventFraming& framing,
                      std::string request_id);

}  // namespace chorus
