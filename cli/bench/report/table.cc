#include "cli/table.h"

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/printable.h"
#include "cli/bench/report/report.h"
#include "cli/bench/report/svg_plot.h"

namespace chorus::bench {
namespace {

constexpr size_t kNoSizes = std::numeric_limits<size_t>::max();

std::string Rate(double per_second) {
  return absl::StrFormat(per_second < 100 ? "%.2f" : "%.0f", per_second);
}

std::string Counts(const Report& report) {
  std::string text = absl::StrFormat(
      "%.0f calls in %.4g s%s: %.0f ok", Number(report, "/calls/sent"), Number(report, "/seconds"),
      report.value("interrupted", false) ? ", interrupted" : "", Number(report, "/calls/ok"));
  for (const auto& [key, words] : {std::pair{"refused", "refused"},
                                   {"timed_out", "timed out"},
                                   {"failed", "failed"},
                                   {"unfinished", "unfinished"}}) {
    const double count = Number(report, absl::StrCat("/calls/", key));
    if (count > 0) absl::StrAppendFormat(&text, ", %.0f %s", count, words);
  }
  return text + "\n";
}

// Why calls did not end well: "  12  503  no healthy replica of gpt2".
std::string Statuses(const Report& report) {
  std::vector<TableRow> rows;
  if (!report.contains("statuses")) return "";
  for (const auto& [status, count] : report["statuses"].items()) {
    if (status == "200" || status == "OK") continue;
    const std::string message =
        report.contains("messages") ? report["messages"].value(status, "") : "";
    rows.push_back({absl::StrFormat("  %d", count.get<uint64_t>()), status,
                    absl::StrReplaceAll(message, {{"\n", " "}})});
  }
  return FormatRows(rows, 0);
}

void AddLatency(const Report& report, const std::string& pointer, const std::string& name,
                std::vector<TableRow>& rows) {
  if (Number(report, pointer + "/count") == 0) return;
  TableRow row = {name};
  for (const char* key : {"mean", "p50", "p90", "p99", "p999", "max"}) {
    row.push_back(FormatSeconds(Number(report, absl::StrCat(pointer, "/", key))));
  }
  rows.push_back(std::move(row));
}

std::string Latencies(const Report& report) {
  std::vector<TableRow> rows = {{"", "mean", "p50", "p90", "p99", "p99.9", "max"}};
  AddLatency(report, "/latency/e2e", "end to end", rows);
  AddLatency(report, "/latency/ttft", "first token", rows);
  AddLatency(report, "/latency/ttft_all", "first token of every text", rows);
  AddLatency(report, "/latency/itl", "between tokens", rows);
  for (size_t i = 0; report.contains("branches") && i < report["branches"].size(); ++i) {
    const std::string branch = absl::StrCat("/branches/", i);
    const std::string name = Text(report, branch + "/name");
    AddLatency(report, branch + "/ttft", name + ": first token", rows);
    AddLatency(report, branch + "/itl", name + ": between tokens", rows);
    AddLatency(report, branch + "/last_token", name + ": last token", rows);
    AddLatency(report, branch + "/score", name + ": score", rows);
  }
  AddLatency(report, "/latency/refusal", "refusals", rows);
  AddLatency(report, "/latency/sent_late", "sent late by", rows);
  return FormatRows(rows, kNoSizes);
}

std::string RunTable(const Report& report) {
  std::string text = absl::StrCat(Headline(report), "\n", Counts(report), Statuses(report));
  absl::StrAppend(&text, "a second: ", Rate(Number(report, "/per_second/sent")), " sent, ",
                  Rate(Number(report, "/per_second/ok")), " ok");
  if (!Text(report, "/slo").empty()) {
    absl::StrAppend(&text, ", ", Rate(Number(report, "/per_second/good")), " within ",
                    Text(report, "/slo"));
  }
  if (Number(report, "/per_second/tokens") > 0) {
    absl::StrAppend(&text, ", ", Rate(Number(report, "/per_second/tokens")), " tokens");
  }
  absl::StrAppendFormat(&text, "; bench itself took %.2f s of CPU\n\n",
                        Number(report, "/client_cpu_seconds"));
  return text + Latencies(report);
}

std::string SweepTable(const Report& report) {
  std::vector<TableRow> rows = {{"offered/s", "ok/s", "goodput/s", "refused", "timed out", "failed",
                                 "e2e p50", "e2e p99", "ttft p99", "itl p99", "refusal p99"}};
  for (size_t i = 0; i < report["points"].size(); ++i) {
    const Report& point = report["points"][i];
    const auto count = [&](const char* key) {
      return absl::StrFormat("%.0f", Number(point, absl::StrCat("/calls/", key)));
    };
    const auto time = [&](const char* key) {
      const double seconds = Number(point, absl::StrCat("/latency/", key));
      return seconds == 0 ? std::string("-") : FormatSeconds(seconds);
    };
    rows.push_back({Rate(Number(point, "/rate")), Rate(Number(point, "/per_second/ok")),
                    Rate(Number(point, "/per_second/good")), count("refused"), count("timed_out"),
                    count("failed"), time("e2e/p50"), time("e2e/p99"), time("ttft/p99"),
                    time("itl/p99"), time("refusal/p99")});
  }
  std::string text = absl::StrCat(Headline(report), "\n", FormatRows(rows, kNoSizes));
  if (Number(report, "/knee") > 0) {
    absl::StrAppend(&text, "knee: ", Rate(Number(report, "/knee")),
                    " calls/s, the most of which 9 in 10 were good; ");
  } else {
    absl::StrAppend(&text, "no rate of which 9 in 10 calls were good; ");
  }
  absl::StrAppend(&text, "most goodput: ", Rate(Number(report, "/peak_goodput")), " calls/s\n");
  return text;
}

std::string CompareTable(const Report& report) {
  std::string text =
      absl::StrCat("A: ", Headline(report["a"]), "\nB: ", Headline(report["b"]), "\n");
  for (const auto& difference : report["differences"]) {
    absl::StrAppend(&text, "differs: ", difference.get<std::string>(), "\n");
  }
  std::vector<TableRow> rows = {{"", "A", "B", "B/A", "95% interval", ""}};
  for (const Report& metric : report["metrics"]) {
    const bool is_time = Text(metric, "/unit") == "s";
    const auto format = [&](const char* key) {
      const double value = Number(metric, key);
      return is_time ? FormatSeconds(value) : Rate(value);
    };
    const double low = Number(metric, "/low"), high = Number(metric, "/high");
    const bool has_interval = metric.contains("low");
    const bool is_better = (low > 1) != is_time;
    rows.push_back({Text(metric, "/name"), format("/a"), format("/b"),
                    absl::StrFormat("%.3f", Number(metric, "/ratio")),
                    has_interval ? absl::StrFormat("%.3f to %.3f", low, high) : "-",
                    !has_interval || (low <= 1 && high >= 1) ? ""
                    : is_better                              ? "better"
                                                             : "worse"});
  }
  absl::StrAppend(&text, FormatRows(rows, kNoSizes),
                  "Intervals are a bootstrap over the slices of each run: they know how much a run "
                  "varied,\nnot how much one run varies from the next.\n");
  return text;
}

}  // namespace

std::string ToTable(const Report& report) {
  const std::string schema = Text(report, "/schema");
  return Printable(schema == kSweepSchema     ? SweepTable(report)
                   : schema == kCompareSchema ? CompareTable(report)
                                              : RunTable(report));
}

}  // namespace chorus::bench
