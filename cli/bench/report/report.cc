#include "cli/bench/report/report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/quote.h"
#include "base/read_file.h"
#include "base/status_macros.h"

namespace chorus::bench {
namespace {

constexpr int64_t kMaxFileBytes = 256 << 20;
constexpr int kMaxDepth = 64;        // What reads a report follows its arrays and objects by calls.
constexpr size_t kMaxSlices = 1000;  // bench saves 20.

}  // namespace

absl::StatusOr<Report> ReadReport(const std::string& path, const std::string& schema) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFileOrPipe(path, kMaxFileBytes));
  return ParseReport(bytes, path, schema);
}

absl::StatusOr<Report> ParseReport(std::string_view bytes, const std::string& path,
                                   const std::string& schema) {
  bool is_too_deep = false;
  const auto look = [&](int depth, Report::parse_event_t, Report&) {
    is_too_deep |= depth > kMaxDepth;
    return true;
  };
  Report report = Report::parse(bytes, look, /*allow_exceptions=*/false);
  const bool is_sound = !is_too_deep && report.is_object() &&
                        (!report.contains("slices") ||
                         (report["slices"].is_array() && report["slices"].size() <= kMaxSlices));
  const std::string found = is_sound ? Text(report, "/schema") : "";
  if (found == schema) return report;
  return absl::InvalidArgumentError(
      absl::StrCat(path, " must be a report of schema ", schema, " as bench saves it",
                   found.empty() ? "" : ", and is of " + QuoteForMessage(found)));
}

double Number(const Report& report, const std::string& pointer) {
  const Report::json_pointer at(pointer);
  if (!report.contains(at) || !report.at(at).is_number()) return 0;
  return report.at(at).get<double>();
}

std::string Text(const Report& report, const std::string& pointer) {
  const Report::json_pointer at(pointer);
  if (!report.contains(at) || !report.at(at).is_string()) return "";
  return report.at(at).get<std::string>();
}

std::string Headline(const Report& report) {
  std::string line =
      absl::StrCat(Text(report, "/target/subject"), " ", Text(report, "/target/name"), " by ",
                   Text(report, "/target/protocol"), " at ", Text(report, "/target/url"));
  const std::string kind = Text(report, "/load/kind");
  if (kind == "closed") {
    absl::StrAppendFormat(&line, ", closed loop of %.0f", Number(report, "/load/clients"));
  } else if (kind == "open") {
    absl::StrAppendFormat(&line, ", open loop, %s, %g calls/s", Text(report, "/load/arrivals"),
                          Number(report, "/load/rate"));
  } else if (kind == "trace") {
    absl::StrAppend(&line, ", open loop, trace ", Text(report, "/load/trace"));
  }
  return line;
}

}  // namespace chorus::bench
