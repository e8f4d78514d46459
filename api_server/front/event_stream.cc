#include "api_server/front/event_stream.h"

#include <google/protobuf/descriptor.h>

#include "absl/strings/str_cat.h"
#include "api_server/front/accept.h"
#include "api_server/front/error_event.h"
#include "api_server/transcoding/message_to_json.h"
#include "base/string_view.h"

namespace chorus {
namespace {

constexpr std::string_view kServerSentEventsType = "text/event-stream";
constexpr std::string_view kJsonLinesType = "application/x-ndjson";

// The events of this API have a JSON form, so there is no error.
template <typename Message>
std::string Json(const Message& message) {
  std::string json;
  const absl::Status status = AppendMessageJson(message, json);
  return status.ok() ? json : "{}";
}

}  // namespace

std::optional<EventStream::StreamFormat> EventStream::ChooseFormat(std::string_view accept) {
  const bool takes_json = Accepts(accept, kJsonLinesType);
  // A client that names one of them means it, also beside a range that takes both.
  if (takes_json && accept.find(kJsonLinesType) != std::string_view::npos &&
      accept.find(kServerSentEventsType) == std::string_view::npos) {
    return StreamFormat::kJsonLines;
  }
  if (Accepts(accept, kServerSentEventsType)) return StreamFormat::kServerSentEvents;
  if (takes_json) return StreamFormat::kJsonLines;
  return std::nullopt;
}

std::string_view EventStream::ContentType(StreamFormat format) {
  return format == StreamFormat::kServerSentEvents ? kServerSentEventsType : kJsonLinesType;
}

HttpStream::Piece EventStream::Take() {
  EventQueue::Batch batch = events_->Take();
  Piece piece;
  for (const v1::StreamEvent& event : batch.events) piece.bytes += Write(event);
  piece.end = std::move(batch.end);
  return piece;
}

std::string EventStream::Heartbeat() const {
  return format_ == StreamFormat::kServerSentEvents ? ": heartbeat\n\n" : "\n";
}

std::string EventStream::ErrorEvent(const absl::Status& error) const {
  v1::StreamEvent event;
  *event.mutable_error() = ToErrorEvent(error, request_id_);
  return Write(event);
}

std::string EventStream::Write(const v1::StreamEvent& event) const {
  if (format_ == StreamFormat::kJsonLines) return Json(event) + "\n";
  const auto* oneof = event.GetDescriptor()->FindOneofByName("event");
  const auto* field = event.GetReflection()->GetOneofFieldDescriptor(event, oneof);
  return absl::StrCat("event: ", field->name(),
                      "\ndata: ", Json(event.GetReflection()->GetMessage(event, field)), "\n\n");
}

}  // namespace chorus
