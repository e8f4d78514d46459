#include "cli/bench/report/measurement.h"

#include <gmock/gmock.h>

#include "cli/bench/report/report.h"

namespace chorus::bench {
namespace {

constexpr absl::Duration kBegin = absl::Seconds(1000);

absl::Duration At(double seconds) { return kBegin + absl::Seconds(seconds); }

CallRecord Call(double due, double end, Outcome outcome = Outcome::kOk) {
  CallRecord record{.due = At(due), .sent = At(due), .end = At(end), .outcome = outcome};
  record.status = outcome == Outcome::kOk ? "200" : outcome == Outcome::kRefused ? "429" : "500";
  return record;
}

Report Measure(const std::vector<CallRecord>& records, bool is_open, const Slo& slo = {},
               absl::Duration end = At(10)) {
  Measurement measurement(slo, is_open);
  measurement.OnBegin(kBegin, end);
  for (const CallRecord& record : records) measurement.OnCall(record);
  measurement.OnEnd(std::min(end, At(10)));
  return measurement.ToJson();
}

TEST(Measurement, OfAnOpenLoopIsOfTheCallsThatWereDue) {
  const Report report = Measure({Call(-1, 5), Call(0, 1), Call(9, 30), Call(10, 11)}, true);
  EXPECT_EQ(Number(report, "/calls/sent"), 2);
  EXPECT_EQ(Number(report, "/per_second/ok"), 0.2);
  EXPECT_EQ(Number(report, "/latency/e2e/max"), 21);
  EXPECT_EQ(Number(report, "/seconds"), 10);
}

TEST(Measurement, OfAClosedLoopCountsTheParts) {
  // One client whose calls take 4 s: whatever the time begins with, that is a quarter a second.
  const Report report = Measure({Call(-3, 1), Call(1, 5), Call(5, 9), Call(9, 13)}, false);
  EXPECT_EQ(Number(report, "/per_second/ok"), 0.25);
  EXPECT_EQ(Number(report, "/calls/ok"), 3);
  EXPECT_NEAR(Number(report, "/latency/e2e/p50"), 4, 0.02);
}

TEST(Measurement, CountsTheRest) {
  CallRecord failed = Call(2, 3, Outcome::kFailed);
  failed.message = "oops";
  const Report report = Measure({Call(0, 1), Call(1, 1.5, Outcome::kRefused), failed, failed,
                                 Call(3, 4, Outcome::kTimedOut), Call(4, 5, Outcome::kUnfinished)},
                                true);
  EXPECT_EQ(report["calls"].dump(),
            "{\"sent\":6,\"ok\":1,\"good\":1,\"refused\":1,"
            "\"timed_out\":1,\"failed\":2,\"unfinished\":1}");
  EXPECT_EQ(report["statuses"].dump(), "{\"200\":1,\"429\":1,\"500\":4}");
  EXPECT_EQ(Text(report, "/messages/500"), "oops");
  EXPECT_EQ(Number(report, "/latency/refusal/max"), 0.5);
  EXPECT_EQ(Number(report, "/latency/e2e/count"), 1);
}

TEST(Measurement, GoodputIsWhatMeetsTheSlo) {
  const Report report =
      Measure({Call(0, 1), Call(1, 4), Call(2, 2.5)}, true, *Slo::Parse("e2e=1s"));
  EXPECT_EQ(Number(report, "/calls/good"), 2);
  EXPECT_EQ(Number(report, "/per_second/good"), 0.2);
  EXPECT_EQ(Number(report, "/per_second/ok"), 0.3);
}

TEST(Measurement, TellsBranchesApart) {
  CallRecord record = Call(0, 9);
  record.OnTokens("a", 0, 1, At(1));
  record.OnTokens("b", 1, 1, At(2));
  record.OnTokens("a", 0, 2, At(5));
  record.OnScore("b", 1, At(4));
  const Report report = Measure({record}, true);
  EXPECT_EQ(Number(report, "/latency/ttft/max"), 1);
  EXPECT_EQ(Number(report, "/latency/ttft_all/max"), 2);
  EXPECT_EQ(Number(report, "/latency/itl/count"), 2);
  EXPECT_EQ(Number(report, "/latency/itl/max"), 2);
  EXPECT_EQ(Number(report, "/per_second/tokens"), 0.4);
  EXPECT_EQ(Text(report, "/branches/0/name"), "a");
  EXPECT_EQ(Number(report, "/branches/0/last_token/max"), 5);
  EXPECT_EQ(Number(report, "/branches/0/score/count"), 0);
  EXPECT_EQ(Number(report, "/branches/1/score/max"), 4);
  EXPECT_EQ(Number(report, "/branches/1/itl/count"), 0);
}

TEST(Measurement, SlicesAddUp) {
  std::vector<CallRecord> records;
  for (int i = 0; i < 1000; ++i) records.push_back(Call(i / 100.0, i / 100.0 + 0.1));
  for (const absl::Duration end : {At(10), absl::InfiniteDuration()}) {
    const Report report = Measure(records, true, {}, end);
    double calls = 0, seconds = 0;
    for (const Report& slice : report["slices"]) {
      EXPECT_EQ(Number(slice, "/at"), seconds);
      calls += Number(slice, "/calls");
      seconds += Number(slice, "/seconds");
    }
    EXPECT_EQ(calls, 1000);
    EXPECT_NEAR(seconds, 10, 1e-6);
    EXPECT_GE(report["slices"].size(), 20u);
    EXPECT_LE(report["slices"].size(), 40u);
  }
}

}  // namespace
}  // namespace chorus::bench
