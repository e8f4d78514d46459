#include "cli/bench/load/sse_parser.h"

#include <gmock/gmock.h>

#include <utility>
#include <vector>

namespace chorus::bench {
namespace {

using Events = std::vector<std::pair<std::string, std::string>>;

// Of the pieces, one after the other.
Events Parse(const std::vector<std::string_view>& pieces) {
  SseParser parser;
  Events events;
  for (const std::string_view piece : pieces) {
    parser.Append(piece, [&](std::string_view event, std::string_view data) {
      events.emplace_back(event, data);
    });
  }
  return events;
}

constexpr std::string_view kStream =
    ": heartbeat\n\nevent: token\ndata: {\"a\":1}\n\ndata: one\ndata:two\n\r\nevent: done\r\n"
    "data: {}\r\n\r\nevent: lost\n\ndata\n\ndata: unended";
const Events kEvents = {{"token", "{\"a\":1}"}, {"", "one\ntwo"}, {"done", "{}"}, {"", ""}};

TEST(SseParser, ReadsEvents) { EXPECT_EQ(Parse({kStream}), kEvents); }

TEST(SseParser, DoesNotMindWhereTheBytesAreCut) {
  for (size_t first = 0; first <= kStream.size(); ++first) {
    for (size_t second = first; second <= kStream.size(); second += 3) {
      EXPECT_EQ(Parse({kStream.substr(0, first), kStream.substr(first, second - first),
                       kStream.substr(second)}),
                kEvents)
          << first << ", " << second;
    }
  }
}

TEST(SseParser, TakesOneByteAtATime) {
  std::vector<std::string_view> bytes;
  for (size_t i = 0; i < kStream.size(); ++i) bytes.push_back(kStream.substr(i, 1));
  EXPECT_EQ(Parse(bytes), kEvents);
}

TEST(SseParser, AnEndlessEventTakesNoMoreMemory) {
  const std::string mebibyte(1 << 20, 'a');
  std::vector<std::string_view> bytes = {"data: "};
  for (int i = 0; i < 20; ++i) bytes.push_back(mebibyte);
  for (int i = 0; i < 20; ++i) bytes.insert(bytes.end(), {"\ndata: ", mebibyte});
  bytes.push_back("\n\ndata: b\n\n");
  const Events events = Parse(bytes);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].second.size(), SseParser::kMaxBytes);
  EXPECT_EQ(events[1].second, "b");
}

TEST(SseParser, ACarriageReturnAloneEndsALine) {
  EXPECT_EQ(Parse({"data: a\r\rdata: b\r\r"}), (Events{{"", "a"}, {"", "b"}}));
}

TEST(SseParser, ResetForgetsWhatHasNotEnded) {
  SseParser parser;
  parser.Append("event: a\ndata: b", [](auto, auto) { FAIL(); });
  parser.Reset();
  Events events;
  parser.Append("data: c\n\n", [&](auto event, auto data) { events.emplace_back(event, data); });
  EXPECT_EQ(events, (Events{{"", "c"}}));
}

}  // namespace
}  // namespace chorus::bench
