#include "cli/bench/load/call.h"

#include <gmock/gmock.h>

namespace chorus::bench {
namespace {

TEST(CallRecord, TimesEachTextByItself) {
  CallRecord record;
  record.OnTokens("a", 0, 1, absl::Seconds(1));
  record.OnTokens("b", 1, 1, absl::Seconds(5));
  record.OnTokens("a", 0, 2, absl::Seconds(3));
  record.OnScore("a", 0, absl::Seconds(4));
  ASSERT_EQ(record.texts.size(), 2u);
  EXPECT_EQ(record.texts[0].first_token, absl::Seconds(1));
  EXPECT_EQ(record.texts[0].last_token, absl::Seconds(3));
  EXPECT_EQ(record.texts[0].scored, absl::Seconds(4));
  EXPECT_EQ(record.texts[0].num_tokens, 3u);
  EXPECT_EQ(record.texts[1].first_token, absl::Seconds(5));
  EXPECT_EQ(record.num_tokens, 4u);
  ASSERT_EQ(record.gaps.size(), 1u);  // Two tokens within two seconds.
  EXPECT_EQ(record.gaps[0].seconds, 1);
  EXPECT_EQ(record.gaps[0].count, 2u);
}

TEST(CallRecord, EventsWithoutTokensAreNoTokens) {
  CallRecord record;
  record.OnTokens("a", 0, 0, absl::Seconds(1));
  EXPECT_TRUE(record.texts.empty());
}

TEST(OutcomeOfHttp, KnowsRefusalsFromFailures) {
  EXPECT_EQ(OutcomeOfHttp(200), Outcome::kOk);
  EXPECT_EQ(OutcomeOfHttp(429), Outcome::kRefused);
  EXPECT_EQ(OutcomeOfHttp(503), Outcome::kRefused);
  EXPECT_EQ(OutcomeOfHttp(504), Outcome::kTimedOut);
  EXPECT_EQ(OutcomeOfHttp(500), Outcome::kFailed);
  EXPECT_EQ(OutcomeOfHttp(404), Outcome::kFailed);
}

}  // namespace
}  // namespace chorus::bench
