#include "api_server/front/event_stream.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api_server/front/public_error.h"

namespace chorus::gateway {
namespace {

constexpr char kServerSentEvents[] = "text/event-stream";
constexpr char kJsonLines[] = "application/x-ndjson";

TEST(EventStream, ChoosesTheFramingTheClientNames) {
  struct Case {
    const char* accept;
    const char* content_type;  // Empty: none.
  };
  for (const auto& [accept, content_type] : std::vector<Case>{
           {"", kServerSentEvents},
           {"*/*", kServerSentEvents},
           {"text/event-stream", kServerSentEvents},
           {"text/*", kServerSentEvents},
           {"application/x-ndjson", kJsonLines},
           {"application/x-ndjson, */*", kJsonLines},
           {"application/*", kJsonLines},
           {"application/x-ndjson, text/event-stream", kServerSentEvents},
           {"application/x-ndjson;q=0, */*", kServerSentEvents},
           {"application/json", ""},
           {"text/html", ""},
       }) {
    const EventFraming* framing = ChooseFraming(accept);
    EXPECT_EQ(framing == nullptr ? "" : framing->content_type, content_type) << accept;
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
  const HttpReply reply = StreamReply(events, *ChooseFraming(kServerSentEvents), "id");
  EXPECT_EQ(reply.content_type, kServerSentEvents);
  HttpStream::Piece piece = reply.stream->Take();
  EXPECT_EQ(piece.bytes,
            "event: token\ndata: {\"index\":0,\"branch\":\"gpt2\",\"text\":\" a\\nb\"}\n\n");
  EXPECT_FALSE(piece.end.has_value());
  EXPECT_EQ(reply.stream->Heartbeat(), ": heartbeat\n\n");
  events->End(absl::OkStatus());
  piece = reply.stream->Take();
  EXPECT_EQ(piece.bytes, "");
  EXPECT_EQ(piece.end, absl::OkStatus());
}

TEST(EventStream, WritesJsonLines) {
  const HttpReply reply = StreamReply(QueueWithAToken(), *ChooseFraming(kJsonLines), "id");
  EXPECT_EQ(reply.content_type, kJsonLines);
  EXPECT_EQ(reply.stream->Take().bytes,
            "{\"token\":{\"index\":0,\"branch\":\"gpt2\",\"text\":\" a\\nb\"}}\n");
  EXPECT_EQ(reply.stream->Heartbeat(), "\n");
}

TEST(EventStream, WritesAsAnyProtocolWould) {
  int num_events = 0;
  const EventFraming framing = {"text/x", "beat", [&](const v1::StreamEvent& event) {
                                  return absl::StrCat(++num_events, " ", event.event_case(), "|");
                                }};
  const HttpReply reply = StreamReply(QueueWithAToken(), framing, "id");
  EXPECT_EQ(reply.content_type, "text/x");
  EXPECT_EQ(reply.stream->Heartbeat(), "beat");
  EXPECT_EQ(reply.stream->Take().bytes, absl::StrCat("1 ", v1::StreamEvent::kToken, "|"));
  EXPECT_EQ(reply.stream->ErrorEvent(absl::UnavailableError("gone")),
            absl::StrCat("2 ", v1::StreamEvent::kError, "|"));
}

TEST(EventStream, TellsErrorsAsTheyMayBeSeen) {
  const HttpReply reply = StreamReply(QueueWithAToken(), *ChooseFraming(""), "id");
  const std::string error =
      R"({"code":503,"status":"UNAVAILABLE","message":"a (gpt2): gone","retryable":true,"details":)"
      R"([{"@type":"type.googleapis.com/google.rpc.RetryInfo","retry_delay":"1s"}]})";
  const absl::Status gone = absl::UnavailableError("a (gpt2): gone");
  EXPECT_EQ(reply.stream->ErrorEvent(gone), "event: error\ndata: " + error + "\n\n");
  const HttpReply lines =
      StreamReply(QueueWithAToken(), *ChooseFraming("application/x-ndjson"), "id");
  EXPECT_EQ(lines.stream->ErrorEvent(gone), "{\"error\":" + error + "}\n");
  EXPECT_NE(ErrorJson(ToPublicStatus(gone, "id")).find(error.substr(error.find("\"details\""))),
            std::string::npos);  // As a call that does not stream has it.
  const std::string internal = reply.stream->ErrorEvent(absl::InternalError("secret"));
  EXPECT_EQ(internal.find("secret"), std::string::npos) << internal;
  EXPECT_NE(internal.find("\"code\":500"), std::string::npos) << internal;
}

}  // namespace
}  // namespace chorus::gateway
