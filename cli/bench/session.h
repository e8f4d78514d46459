#pragma once

// One server under measurement: connects to it, tries it, and runs loads one after the other.
//
// Thread safety: none.

#include <boost/asio/io_context.hpp>
#include <memory>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/bench/bench.h"
#include "cli/bench/load/target.h"
#include "cli/bench/report/report.h"
#include "cli/bench/report/slo.h"

namespace chorus::bench {

class Session {
 public:
  // Checks the options and sends one call. Errors as RunBench; CANCELLED after a stop.
  static absl::StatusOr<std::unique_ptr<Session>> Create(const BenchOptions& options,
                                                         std::stop_token stop);

  // A report of schema chorus.bench.run/1. `workload` and `load` stand for those of the options.
  absl::StatusOr<Report> Run(const WorkloadOptions& workload, const LoadOptions& load,
                             std::stop_token stop);

  // What all reports of the session begin with.
  Report Header(const WorkloadOptions& workload, const LoadOptions& load) const;

 private:
  Session(const BenchOptions& options, ServerUrl url, const Slo& slo);
  absl::Status Try(std::stop_token stop);

  const BenchOptions options_;
  const ServerUrl url_;
  const Slo slo_;
  boost::asio::io_context io_{1};
  std::unique_ptr<Target> target_;
};

}  // namespace chorus::bench
