#pragma once

// The calls of a load, one after the other: when each is due, its text, and how much it may write.
//
// A seed makes the same calls again, and the same texts at another rate.
//
// Thread safety: none.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/bench/load/call.h"
#include "cli/bench/load/call_file.h"
#include "cli/bench/load/lengths.h"
#include "cli/bench/load/random.h"

namespace chorus::bench {

struct WorkloadOptions {
  double rate = 0;      // Calls a second, whatever becomes of them; 0: no call has a time.
  bool steady = false;  // As far apart as each other; else a Poisson process.
  std::string trace;    // A call file with times, which ends the load. Empty: none.
  std::string prompts;  // A call file without, whose lines are drawn at random. Empty: none.
  std::optional<std::string> text;   // Of calls that no file gives one.
  std::string prompt_tokens = "16";  // Else of so many words; see Lengths.
  std::string output_tokens;         // Of calls that no file gives any. Empty: not said.
  uint64_t seed = 0;
};

class Workload {
 public:
  // INVALID_ARGUMENT or the error of a file that cannot be read.
  static absl::StatusOr<Workload> Create(const WorkloadOptions& options);

  // Nothing more after the last line of a trace.
  std::optional<Call> Next();

  // Whether calls have times.
  bool is_open() const { return options_.rate > 0 || !options_.trace.empty(); }

 private:
  explicit Workload(const WorkloadOptions& options);

  WorkloadOptions options_;
  std::vector<CallFileEntry> entries_;  // Of the trace or the prompts.
  std::optional<Lengths> prompt_tokens_, output_tokens_;
  Random arrivals_, choices_, words_;
  size_t next_ = 0;
  absl::Duration due_;
};

// `count` words, each of them one token to GPT-2 and to BERT.
std::string Words(uint32_t count, Random& random);

}  // namespace chorus::bench
