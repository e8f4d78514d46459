#pragma once

// Puts the parts of a runner together, and takes them apart in order.
//
// Start: listen (NOT_SERVING, so that who watches sees the runner load) → load and warm up →
// SERVING. Shutdown: not ready → keep serving for the drain delay → accept nothing more → wait for
// accepted requests, at most the drain timeout → fail the rest → end the engine's threads → end the
// calls' streams → stop listening → destroy.
//
// Thread safety: none; one thread calls it all.

#include <grpcpp/server.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runner_server/config/flags.h"
#include "runner_server/metrics/runner_metrics.h"
#include "runner_server/metrics/status_pages.h"
#include "runner_server/model_host.h"
#include "runner_server/service/runner_service.h"

namespace chorus::runner {

class RunnerServer {
 public:
  // Listens and writes the ports file. UNAVAILABLE says which address cannot be had, or why the
  // file cannot be written.
  static absl::StatusOr<std::unique_ptr<RunnerServer>> Listen(const RunnerFlags& flags);

  // Stops without a drain.
  ~RunnerServer();

  // Loads the model, runs it once and begins to serve. The error says what is wrong with the model.
  absl::Status Load();

  // Reports not ready and goes on serving, until BeginDrain.
  void SetNotReady();

  // Refuses new requests, waits for accepted ones at most `timeout`, fails the rest, and stops.
  void Drain(absl::Duration timeout);

  // Where the server listens, with the port it was given.
  const std::string& address() const { return address_; }
  const std::string& metrics_address() const { return metrics_address_; }  // Empty: off.

 private:
  explicit RunnerServer(const RunnerFlags& flags);

  absl::Status ListenForCalls();
  absl::Status ServeStatusPages();
  absl::Status WritePorts() const;
  void SetReady(bool ready);

  const RunnerFlags flags_;
  std::string address_;
  std::string metrics_address_;
  RunnerMetrics metrics_;
  std::unique_ptr<StatusPages> status_pages_;  // Null: off.
  RunnerService service_;
  std::unique_ptr<ModelHost> host_;       // Null until loaded.
  std::unique_ptr<grpc::Server> server_;  // Uses all of the above. Null once stopped.
};

}  // namespace chorus::runner
