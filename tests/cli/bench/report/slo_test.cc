#include "cli/bench/report/slo.h"

#include <gmock/gmock.h>

namespace chorus::bench {
namespace {

TEST(Slo, IsParsed) {
  const absl::StatusOr<Slo> slo = Slo::Parse("ttft=200ms,e2e=1m");
  ASSERT_TRUE(slo.ok()) << slo.status();
  EXPECT_EQ(slo->ttft, absl::Milliseconds(200));
  EXPECT_EQ(slo->itl, std::nullopt);
  EXPECT_EQ(slo->e2e, absl::Minutes(1));
  for (const char* text :
       {"", "ttft", "ttft=", "ttft=0s", "ttft=-1s", "p99=1s", "ttft=1s,ttft=2s", "ttft=1s,"}) {
    EXPECT_FALSE(Slo::Parse(text).ok()) << text;
  }
}

// Due at 10 s; two texts of three tokens, the first token after 1 and after 2 seconds.
CallRecord Record() {
  CallRecord record{.due = absl::Seconds(10), .outcome = Outcome::kOk};
  for (int i = 0; i < 3; ++i) {
    record.OnTokens("a", 0, 1, absl::Seconds(11 + i));
    record.OnTokens("b", 1, 1, absl::Seconds(12 + 2 * i));
  }
  record.end = absl::Seconds(20);
  return record;
}

bool Met(const std::string& slo) { return Slo::Parse(slo)->Met(Record()); }

TEST(Slo, IsMetOrNot) {
  EXPECT_TRUE(Slo{}.Met(Record()));
  EXPECT_TRUE(Met("e2e=10s"));
  EXPECT_FALSE(Met("e2e=9.9s"));
  EXPECT_TRUE(Met("ttft=1s"));  // The first of any text.
  EXPECT_FALSE(Met("ttft=0.9s"));
  EXPECT_TRUE(Met("itl=2s"));  // Of the slowest text.
  EXPECT_FALSE(Met("itl=1.9s"));
  EXPECT_FALSE(Met("e2e=10s,ttft=1s,itl=1s"));
}

TEST(Slo, IsNotMetByAFailureOrWithoutTokens) {
  CallRecord record = Record();
  record.outcome = Outcome::kRefused;
  EXPECT_FALSE(Slo{}.Met(record));
  EXPECT_FALSE(Slo::Parse("ttft=1h")->Met({.outcome = Outcome::kOk}));
}

}  // namespace
}  // namespace chorus::bench
