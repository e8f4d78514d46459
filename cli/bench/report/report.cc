#include "cli/bench/report/report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/read_file.h"
#include "base/status_macros.h"

namespace chorus::bench {
namespace {

constexpr int64_t kMaxFileBytes = 256 << 20;

}  // namespace

absl::StatusOr<Report> ReadReport(const std::string& path, const std::string& schema) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFileOrPipe(path, kMaxFileBytes));
  Report report = Report::parse(bytes, nullptr, /*allow_exceptions=*/false);
  const std::string found = Text(report, "/schema");
  if (found == schema) return report;
  return absl::InvalidArgumentError(absl::StrCat(path, " must be a report of schema ", schema,
                                                 " as bench saves it",
                                                 found.empty() ? "" : ", and is of ", found));
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
    absl::StrAppendFormat(&line, ", closed loop of %d",
                          static_cast<int>(Number(report, "/load/clients")));
  } else if (kind == "open") {
    absl::StrAppendFormat(&line, ", open loop, %s, %g calls/s", Text(report, "/load/arrivals"),
                          Number(report, "/load/rate"));
  } else if (kind == "trace") {
    absl::StrAppend(&line, ", open loop, trace ", Text(report, "/load/trace"));
  }
  return line;
}

}  // namespace chorus::bench
