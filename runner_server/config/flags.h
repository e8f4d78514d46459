#pragma once

// The command line of runner_server.
//
// Thread safety: a free function without state.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace chorus::runner {

struct RunnerFlags {
  std::string model;                             // As LookAtModel's.
  bool reload = false;                           // When it becomes another one.
  std::string name;                              // Default: the directory's own name.
  std::string version;                           // Label for GetModelInfo and metrics.
  std::string address = "0.0.0.0:50061";         // Or unix:/path. Port 0: any free one.
  std::string metrics_address = "0.0.0.0:9061";  // Empty: off.
  std::string dtype = "auto";                    // See model/dtype.h.
  std::string executor = "auto";                 // Or native, torch.
  std::string device = "cpu";                    // As Executor::Options's.
  double gpu_memory_fraction = 0.9;              // As Executor::Options's memory_fraction.
  std::optional<uint64_t> untrained_head;        // As ModelOptions's.
  std::string pooling = "auto";                  // Or mean, cls, pooler.
  std::string native_code;                       // As ModelOptions's.
  int threads = 0;                               // 0: AvailableCores().
  std::string core_lease;                        // See engine/core_lease.h. Empty: none.
  int core_lease_slot = 0;
  int max_sequences = 32;
  int max_step_tokens = 512;
  absl::Duration target_step_time = absl::Milliseconds(100);  // Zero: none.
  int64_t kv_cache_bytes = 0;                                 // 0: no cap.
  int64_t max_queued_sequences = 256;
  int64_t max_queued_tokens = 1 << 18;
  absl::Duration drain_delay = absl::ZeroDuration();
  absl::Duration drain_timeout = absl::Seconds(30);
  std::string ports_file;    // Empty: none.
  std::string check_health;  // The server whose health to check instead of serving. Empty: serve.
};

// Nothing after --help, which has been printed. INVALID_ARGUMENT names the wrong flag.
absl::StatusOr<std::optional<RunnerFlags>> ParseFlags(int argc, const char* const* argv);

}  // namespace chorus::runner
