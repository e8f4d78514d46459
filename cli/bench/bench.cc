#include "cli/bench/bench.h"

#include <signal.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/signals.h"
#include "base/status_macros.h"
#include "cli/bench/report/report.h"
#include "cli/bench/session.h"
#include "cli/bench/sweep_plan.h"

namespace chorus::bench {
namespace {

constexpr absl::Duration kEstimateTime = absl::Seconds(2);

// Before a load, so that none is run for nothing.
absl::Status CheckWritable(const ReportFiles& files) {
  for (const std::string& path : {files.json, files.html, files.svg}) {
    if (path.empty() || std::ofstream(path, std::ios::app)) continue;
    return absl::ErrnoToStatus(errno, "cannot write " + path);
  }
  return absl::OkStatus();
}

absl::Status Write(const std::string& path, const std::string& text) {
  if (path.empty()) return absl::OkStatus();
  std::ofstream file(path, std::ios::trunc);
  file << text << std::flush;
  return file ? absl::OkStatus() : absl::ErrnoToStatus(errno, "cannot write " + path);
}

absl::Status Publish(const Report& report, const std::string& output, const ReportFiles& files) {
  const auto json = [&] {
    return report.dump(-1, ' ', false, Report::error_handler_t::replace) + "\n";
  };
  std::cout << (output == "json" ? json() : ToTable(report)) << std::flush;
  if (!files.json.empty()) RETURN_IF_ERROR(Write(files.json, json()));
  if (!files.html.empty()) RETURN_IF_ERROR(Write(files.html, ToPage(report)));
  if (!files.svg.empty()) RETURN_IF_ERROR(Write(files.svg, ToSvgFile(report)));
  return std::cout ? absl::OkStatus() : absl::DataLossError("cannot write to standard output");
}

BenchOptions WithUrl(BenchOptions options) {
  if (options.url.empty()) {
    options.url = IsGrpc(options.question.protocol) ? "127.0.0.1:50051" : "http://127.0.0.1:3000";
  }
  return options;
}

// 128 + N of the signal, if the session ended by one before it had measured anything.
absl::StatusOr<int> Failure(const absl::Status& status, const SignalStop& stop) {
  if (absl::IsCancelled(status) && stop.signal() != 0) return 128 + stop.signal();
  return status;
}

// How many calls a second one client gets answered.
absl::StatusOr<double> EstimateRate(Session& session, const SweepOptions& options,
                                    std::stop_token stop) {
  WorkloadOptions workload = options.bench.workload;
  workload.rate = 0;
  LoadOptions load = options.bench.load;
  load.num_clients = 1;
  load.warmup = absl::ZeroDuration();
  load.duration = kEstimateTime;
  ASSIGN_OR_RETURN(const Report report, session.Run(workload, load, std::move(stop)));
  const double rate = Number(report, "/per_second/good");
  if (rate > 0) return rate;
  return absl::UnavailableError("no call of a single client was good; --from gives a first rate");
}

SweepPlan MakePlan(const SweepOptions& options, double first_rate) {
  if (!options.rates.empty()) return SweepPlan(options.rates);
  return SweepPlan(first_rate, options.multiples);
}

}  // namespace

absl::StatusOr<int> RunBench(const BenchOptions& given) {
  const BenchOptions options = WithUrl(given);
  RETURN_IF_ERROR(CheckWritable(options.files));
  const SignalStop stop;
  const auto session = Session::Create(options, stop.token());
  if (!session.ok()) return Failure(session.status(), stop);
  ASSIGN_OR_RETURN(const Report report,
                   (*session)->Run(options.workload, options.load, stop.token()));
  RETURN_IF_ERROR(Publish(report, options.output, options.files));
  if (stop.signal() != 0) return 128 + stop.signal();
  return Number(report, "/calls/ok") > 0 ? 0 : 1;
}

absl::StatusOr<int> RunSweep(const SweepOptions& given) {
  SweepOptions options = given;
  options.bench = WithUrl(given.bench);
  const BenchOptions& bench = options.bench;
  RETURN_IF_ERROR(CheckWritable(bench.files));
  const SignalStop stop;
  const auto session = Session::Create(bench, stop.token());
  if (!session.ok()) return Failure(session.status(), stop);
  double first_rate = options.first_rate;
  if (options.rates.empty() && first_rate == 0) {
    const auto estimate = EstimateRate(**session, options, stop.token());
    if (!estimate.ok()) return Failure(estimate.status(), stop);
    first_rate = *estimate;
  }
  SweepPlan plan = MakePlan(options, first_rate);
  Report sweep = (*session)->Header(bench.workload, bench.load);
  sweep["schema"] = kSweepSchema;
  sweep["load"]["kind"] = "sweep";
  std::vector<Report> points;
  while (const std::optional<double> rate = plan.Next()) {
    WorkloadOptions workload = bench.workload;
    workload.rate = *rate;
    std::cerr << absl::StrFormat("%.4g calls/s\n", *rate) << std::flush;
    ASSIGN_OR_RETURN(Report point, (*session)->Run(workload, bench.load, stop.token()));
    if (stop.token().stop_requested()) break;
    point.erase("slices");
    point["rate"] = *rate;
    const double sent = Number(point, "/per_second/sent");
    plan.Add(sent > 0 && Number(point, "/per_second/good") >= SweepPlan::kKeptUp * sent);
    points.push_back(std::move(point));
  }
  std::stable_sort(points.begin(), points.end(), [](const Report& a, const Report& b) {
    return Number(a, "/rate") < Number(b, "/rate");
  });
  double peak = 0;
  for (const Report& point : points) peak = std::max(peak, Number(point, "/per_second/good"));
  sweep["knee"] = plan.knee();
  sweep["peak_goodput"] = peak;
  sweep["points"] = points;
  RETURN_IF_ERROR(Publish(sweep, bench.output, bench.files));
  if (stop.signal() != 0) return 128 + stop.signal();
  return peak > 0 ? 0 : 1;
}

absl::Status CompareRuns(const std::string& a, const std::string& b, const std::string& output,
                         const ReportFiles& files) {
  ASSIGN_OR_RETURN(const Report report_a, ReadReport(a, kRunSchema));
  ASSIGN_OR_RETURN(const Report report_b, ReadReport(b, kRunSchema));
  return Publish(Compare(report_a, report_b), output, files);
}

}  // namespace chorus::bench
