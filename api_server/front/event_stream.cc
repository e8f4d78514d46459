#include "api_server/front/event_stream.h"

#include <google/protobuf/descriptor.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "api_server/front/public_error.h"
#include "api_server/transcoding/content_type.h"
#include "api_server/transcoding/message_to_json.h"

namespace chorus::gateway {
namespace {

std::string Json(const google::protobuf::Message& message) {
  std::string json;
  AppendMessageJson(message, json);
  return json;
}

std::string WriteServerSentEvent(const v1::StreamEvent& event) {
  const auto* oneof = event.GetDescriptor()->FindOneofByName("event");
  const auto* field = event.GetReflection()->GetOneofFieldDescriptor(event, oneof);
  return absl::StrCat("event: ", field->name(),
                      "\ndata: ", Json(event.GetReflection()->GetMessage(event, field)), "\n\n");
}

const EventFraming& ServerSentEvents() {
  static const auto& framing =
      *new EventFraming{"text/event-stream", ": heartbeat\n\n", WriteServerSentEvent};
  return framing;
}

const EventFraming& JsonLines() {
  static const auto& framing =
      *new EventFraming{"application/x-ndjson", "\n",
                        [](const v1::StreamEvent& event) { return Json(event) + "\n"; }};
  return framing;
}

class EventStream final : public HttpStream {
 public:
  EventStream(std::shared_ptr<EventQueue> events, const EventFraming& framing,
              std::string request_id)
      : events_(std::move(events)), framing_(framing), request_id_(std::move(request_id)) {}

  void Wait(absl::AnyInvocable<void() &&> ready) override { events_->Wait(std::move(ready)); }

  Piece Take() override {
    EventQueue::Batch batch = events_->Take();
    Piece piece;
    for (const v1::StreamEvent& event : batch.events) piece.bytes += framing_.write(event);
    piece.end = std::move(batch.end);
    return piece;
  }

  std::string Heartbeat() const override { return framing_.heartbeat; }

  std::string ErrorEvent(const absl::Status& error) const override {
    v1::StreamEvent event;
    *event.mutable_error() = ToErrorEvent(error, request_id_);
    return framing_.write(event);
  }

 private:
  const std::shared_ptr<EventQueue> events_;
  const EventFraming framing_;
  const std::string request_id_;
};

}  // namespace

const EventFraming* ChooseFraming(std::string_view accept) {
  const bool takes_json = Accepts(accept, JsonLines().content_type);
  // A client that names one of them means it, also beside a range that takes both.
  if (takes_json && accept.find(JsonLines().content_type) != std::string_view::npos &&
      accept.find(ServerSentEvents().content_type) == std::string_view::npos) {
    return &JsonLines();
  }
  if (Accepts(accept, ServerSentEvents().content_type)) return &ServerSentEvents();
  return takes_json ? &JsonLines() : nullptr;
}

HttpReply StreamReply(std::shared_ptr<EventQueue> events, const EventFraming& framing,
                      std::string request_id) {
  // Proxies that gather or keep replies are asked to do neither.
  return {
      .content_type = framing.content_type,
      .fields = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}},
      .stream = std::make_shared<EventStream>(std::move(events), framing, std::move(request_id))};
}

}  // namespace chorus::gateway
