#pragma once

// `chorus bench`: loads a server and measures what comes.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/bench/load/load.h"
#include "cli/bench/load/question.h"
#include "cli/bench/load/workload.h"

namespace CLI {
class App;
}

namespace chorus::bench {

// Where a report goes besides standard output; nowhere if empty.
struct ReportFiles {
  std::string json, html, svg;
};

struct BenchOptions {
  std::string url;  // Empty: this machine, at the port that `chorus serve` takes for the protocol.
  Question question;
  WorkloadOptions workload;
  LoadOptions load;
  std::string slo;               // Empty: none.
  int num_connections = 1;       // Of gRPC.
  std::string output = "table";  // Or "json".
  ReportFiles files;
};

struct SweepOptions {
  BenchOptions bench;
  std::vector<double> rates;      // Empty: to the knee.
  double first_rate = 0;          // 0: that of one client in a closed loop.
  std::vector<double> multiples;  // Of the knee, after it has been found.
};

// Tells its progress on stderr and the report on stdout. The exit status: 0, 1 if no call ended
// well, or 128 + N once interrupted by signal N, after the report of what was measured until then.
// INVALID_ARGUMENT for options that do not go together; UNAVAILABLE, or the server's own words, if
// the first call, which is sent alone, fails.
absl::StatusOr<int> RunBench(const BenchOptions& options);
absl::StatusOr<int> RunSweep(const SweepOptions& options);

// Of two reports that RunBench has saved.
absl::Status CompareRuns(const std::string& a, const std::string& b, const std::string& output,
                         const ReportFiles& files);

// Adds the verbs; their outcome goes to `exit_status`.
void AddBenchVerbs(CLI::App& app, int& exit_status);

}  // namespace chorus::bench
