#include "api_server/protocols/call_parts.h"

#include <gtest/gtest.h>

#include <utility>

namespace chorus::gateway {
namespace {

TEST(PartOf, HasAStopAndUsageOfItsOwn) {
  Call call;
  call.request_id = "id";
  std::stop_source source;
  const Call part = PartOf(call, source.get_token());
  EXPECT_EQ(part.request_id, "id");
  EXPECT_NE(part.notes, call.notes);
  source.request_stop();
  EXPECT_TRUE(part.stop.stop_requested());
  EXPECT_FALSE(call.stop.stop_requested());
}

TEST(AddNotes, SumsTokensAndKeepsTheFirstTime) {
  ReplyNotes whole;
  const auto add = [&](CallUsage usage, std::string reason) {
    ReplyNotes part;
    part.usage.Set(usage);
    part.finish_reason = std::move(reason);
    AddNotes(part, whole);
  };
  add({.prompt_tokens = 2,
       .generated_tokens = 5,
       .queue_time = absl::Seconds(1),
       .first_token_time = absl::Seconds(4)},
      "deadline");
  add({.prompt_tokens = 3,
       .generated_tokens = 7,
       .queue_time = absl::Seconds(2),
       .first_token_time = absl::Seconds(3)},
      "");
  add({.prompt_tokens = 1}, "");  // Of a text that was not begun.
  const CallUsage usage = whole.usage.Get();
  EXPECT_EQ(usage.prompt_tokens, 6u);
  EXPECT_EQ(usage.generated_tokens, 12u);
  EXPECT_EQ(usage.queue_time, absl::Seconds(2));
  EXPECT_EQ(usage.first_token_time, absl::Seconds(3));
  EXPECT_EQ(whole.finish_reason, "deadline");
}

}  // namespace
}  // namespace chorus::gateway
