#include "cli/bench/report/report.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "cli/bench/load/random.h"
#include "cli/bench/report/measurement.h"
#include "tests/base/temp_directory.h"

namespace chorus::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A report of calls that are due evenly over ten seconds and take `milliseconds` on average.
Report MadeRun(double milliseconds, int num_calls = 1000, uint64_t seed = 1) {
  Measurement measurement({}, true);
  measurement.OnBegin(absl::Seconds(0), absl::Seconds(10));
  Random random(seed, 0);
  for (int i = 0; i < num_calls; ++i) {
    CallRecord record{.due = absl::Seconds(10) * i / num_calls, .outcome = Outcome::kOk};
    record.sent = record.due;
    record.end = record.due + absl::Milliseconds(milliseconds) * (0.5 + random.Uniform());
    record.OnTokens("a<b", 0, 1, record.end);
    record.status = "200";
    measurement.OnCall(record);
  }
  CallRecord refused{.due = absl::Seconds(5), .end = absl::Seconds(5.01)};
  refused.Fail(Outcome::kRefused, "429", "full");
  measurement.OnCall(refused);
  measurement.OnEnd(absl::Seconds(10));
  Report report = {
      {"schema", kRunSchema},
      {"started", "2026-01-01T00:00:00Z"},
      {"target", {{"url", "http://h:1"}, {"protocol", "sse"}, {"subject", "graph"}, {"name", "g"}}},
      {"load", {{"kind", "open"}, {"rate", num_calls / 10}, {"arrivals", "poisson"}}},
      {"slo", "e2e=1s"}};
  report.update(measurement.ToJson());
  return report;
}

Report Metric(const Report& comparison, const std::string& name) {
  for (const Report& metric : comparison["metrics"]) {
    if (Text(metric, "/name") == name) return metric;
  }
  ADD_FAILURE() << "no metric " << name;
  return {};
}

TEST(Report, ComesBackFromItsFile) {
  const TempDirectory temp;
  const Report report = MadeRun(10);
  PutFile(temp / "run.json", report.dump());
  const auto read = ReadReport(temp / "run.json", kRunSchema);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, report);
}

TEST(Report, OthersAreRefused) {
  const TempDirectory temp;
  const std::string path = temp / "run.json";
  PutFile(path, "{}");
  EXPECT_EQ(ReadReport(path, kRunSchema).status().message(),
            path + " must be a report of schema chorus.bench.run/1 as bench saves it");
  PutFile(path, "{\"schema\": \"chorus.bench.sweep/1\"}");
  EXPECT_THAT(ReadReport(path, kRunSchema).status().message(),
              HasSubstr(", and is of \"chorus.bench.sweep/1\""));
  PutFile(path, "[1");
  EXPECT_FALSE(ReadReport(path, kRunSchema).ok());
  const std::string begin = "{\"schema\": \"chorus.bench.run/1\", ";
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  for (const std::string& rest : {"\"load\": " + deep + "}", std::string("\"slices\": {}}"),
                                  "\"slices\": " + Report(std::vector<int>(1001)).dump() + "}"}) {
    EXPECT_FALSE(ParseReport(begin + rest, "r", kRunSchema).ok());
  }
  EXPECT_TRUE(ParseReport(begin + "\"slices\": []}", "r", kRunSchema).ok());
  EXPECT_FALSE(ReadReport("/no/such", kRunSchema).ok());
}

TEST(Report, TableHasTheFigures) {
  const std::string table = ToTable(MadeRun(10));
  EXPECT_THAT(table, StartsWith("graph g by sse at http://h:1, open loop, poisson, 100 calls/s\n"
                                "1001 calls in 10 s: 1000 ok, 1 refused\n  1  429  full\n"
                                "a second: 100 sent, 100 ok, 100 within e2e=1s, 100 tokens;"));
  EXPECT_THAT(table, HasSubstr("\nend to end "));
  EXPECT_THAT(table, HasSubstr("\na<b: first token "));
  EXPECT_THAT(table, HasSubstr("\nrefusals "));
  EXPECT_THAT(table, Not(HasSubstr("between tokens")));
}

TEST(Report, NobodysWordsCommandATerminal) {
  Report report = MadeRun(10);
  report["target"]["name"] = "g\x1B[2J";
  report["messages"]["429"] = "full\nof\u009B";
  EXPECT_THAT(ToTable(report), StartsWith("graph g [2J by sse"));
  EXPECT_THAT(ToTable(report), HasSubstr("\n  1  429  full of\n"));
}

TEST(Report, PageLoadsNothingAndEscapes) {
  const std::string page = ToPage(MadeRun(10));
  EXPECT_THAT(page, StartsWith("<!doctype html>"));
  EXPECT_THAT(page, HasSubstr("a&lt;b: first token"));
  for (const char* what : {"a<b", "src=", "href=", "<script", "@import", "url("}) {
    EXPECT_THAT(page, Not(HasSubstr(what)));
  }
  size_t num_plots = 0;
  for (size_t at = 0; (at = page.find("<svg ", at)) != std::string::npos; ++at) ++num_plots;
  EXPECT_EQ(num_plots, 3u);
}

TEST(Report, SweepHasItsPointsAndKnee) {
  Report sweep = MadeRun(10);
  sweep["schema"] = kSweepSchema;
  sweep["load"]["kind"] = "sweep";
  sweep["knee"] = 100;
  sweep["peak_goodput"] = 99.5;
  for (const int rate : {50, 100, 200}) {
    Report point = MadeRun(10, rate * 10);
    point["rate"] = rate;
    sweep["points"].push_back(std::move(point));
  }
  const std::string table = ToTable(sweep);
  EXPECT_THAT(table, HasSubstr("\n50.00 "));
  EXPECT_THAT(table, HasSubstr("\n200 "));
  EXPECT_THAT(table, HasSubstr("knee: 100 calls/s"));
  EXPECT_THAT(ToPage(sweep), HasSubstr(">knee<"));
  EXPECT_THAT(ToSvgFile(sweep), StartsWith("<svg "));
}

TEST(Compare, FindsADifference) {
  const Report comparison = Compare(MadeRun(10), MadeRun(12, 1000, 2));
  const Report metric = Metric(comparison, "end to end p50");
  EXPECT_NEAR(Number(metric, "/ratio"), 1.2, 0.05);
  EXPECT_GT(Number(metric, "/low"), 1.1);
  EXPECT_LT(Number(metric, "/high"), 1.3);
  const std::string table = ToTable(comparison);
  EXPECT_THAT(table, HasSubstr("worse"));
  EXPECT_THAT(ToPage(comparison), HasSubstr("A: end to end"));
}

TEST(Compare, IntervalOfTheSameHoldsOne) {
  const Report metric = Metric(Compare(MadeRun(10), MadeRun(10, 1000, 2)), "end to end mean");
  EXPECT_LE(Number(metric, "/low"), 1);
  EXPECT_GE(Number(metric, "/high"), 1);
  EXPECT_LT(Number(metric, "/high") - Number(metric, "/low"), 0.2);
}

TEST(Compare, NamesWhatElseDiffers) {
  const Report comparison = Compare(MadeRun(10), MadeRun(10, 500));
  EXPECT_EQ(comparison["differences"].dump(), "[\"load/rate: 100 and 50\"]");
  EXPECT_NEAR(Number(Metric(comparison, "ok"), "/ratio"), 0.5, 1e-9);
}

TEST(Compare, FewSlicesHaveNoInterval) {
  Report cut = MadeRun(10);
  while (cut["slices"].size() > 4) cut["slices"].erase(cut["slices"].size() - 1);
  EXPECT_FALSE(Metric(Compare(MadeRun(10), cut), "end to end p50").contains("low"));
}

TEST(Compare, TakesAReportThatWasSpoilt) {
  Report spoilt = MadeRun(10);
  spoilt["slices"] = {1, {{"seconds", "x"}}, {{"seconds", 1}, {"e2e", 7}}};
  EXPECT_TRUE(Compare(MadeRun(10), spoilt)["metrics"].empty());
  spoilt.erase("load");
  EXPECT_TRUE(Compare(spoilt, spoilt)["differences"].empty());
}

}  // namespace
}  // namespace chorus::bench
