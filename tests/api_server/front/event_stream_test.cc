#include "api_server/front/event_stream.h"

#include <gtest/gtest.h>

namespace chorus {
namespace {

using Format = EventStream::StreamFormat;

TEST(EventStream, ChoosesTheFormatTheClientNames) {
  struct Case {
    const char* accept;
    std::optional<Format> format;
  };
  for (const auto& [accept, format] : std::vector<Case>{
           {"", Format::kServerSentEvents},
           {"*/*", Format::kServerSentEvents},
           {"text/event-stream", Format::kServerSentEvents},
           {"text/*", Format::kServerSentEvents},
           {"application/x-ndjson", Format::kJsonLines},
           {"application/x-ndjson, */*", Format::kJsonLines},
           {"application/*", Format::kJsonLines},
           {"application/x-ndjson, text/event-stream", Format::kServerSentEvents},
           {"application/x-ndjson;q=0, */*", Format::kServerSentEvents},
           {"application/json", std::nullopt},
           {"text/html", std::nullopt},
       }) {
    EXPECT_EQ(EventStream::ChooseFormat(accept), format) << accept;
  }
}

std::shared_ptr<EventQueue> QueueWithAToken() {
  auto events = std::make_shared<EventQueue>();
  v1::StreamEvent event;
  event.mutable_token()->set_index(0);
  event.mutable_token()->set_branch("gpt2");
  event.mutable_token()->set_text(" a\nb");
  events->Push(std::move(event));
  return events;
}

TEST(EventStream, WritesServerSentEvents) {
  const auto events = QueueWithAToken();
  EventStream stream(events, Format::kServerSentEvents, "id");
  HttpStream::Piece piece = stream.Take();
  EXPECT_EQ(piece.bytes,
            "event: token\ndata: {\"index\":0,\"branch\":\"gpt2\",\"text\":\" a\\nb\"}\n\n");
  EXPECT_FALSE(piece.end.has_value());
  EXPECT_EQ(stream.Heartbeat(), ": heartbeat\n\n");
  events->End(absl::OkStatus());
  piece = stream.Take();
  EXPECT_EQ(piece.bytes, "");
  EXPECT_EQ(piece.end, absl::OkStatus());
}

TEST(EventStream, WritesJsonLines) {
  EventStream stream(QueueWithAToken(), Format::kJsonLines, "id");
  EXPECT_EQ(stream.Take().bytes,
            "{\"token\":{\"index\":0,\"branch\":\"gpt2\",\"text\":\" a\\nb\"}}\n");
  EXPECT_EQ(stream.Heartbeat(), "\n");
}

TEST(EventStream, TellsErrorsAsTheyMayBeSeen) {
  EventStream stream(QueueWithAToken(), Format::kServerSentEvents, "id");
  EXPECT_EQ(stream.ErrorEvent(absl::UnavailableError("a (gpt2): gone")),
            "event: error\ndata: {\"code\":503,\"status\":\"UNAVAILABLE\",\"message\":\"a (gpt2): "
            "gone\",\"retryable\":true}\n\n");
  const std::string internal = stream.ErrorEvent(absl::InternalError("secret"));
  EXPECT_EQ(internal.find("secret"), std::string::npos) << internal;
  EXPECT_NE(internal.find("\"code\":500"), std::string::npos) << internal;
}

}  // namespace
}  // namespace chorus
