#pragma once

// Assembles a runner from its parts, and shuts it down in order.
//
// Start: listen (NOT_SERVING) → load and warm up → SERVING. Shutdown: not ready → keep serving for
// the drain delay → refuse new requests → wait for accepted ones, at most the drain timeout → fail
// the rest → join the engine's threads → end the calls' streams → stop listening → destroy.
// With --reload a thread of its own looks for another model (model_reloader.h), and goes last.
//
// Thread safety: none; all methods by one thread, but LookForAnother by any.

#include <grpcpp/server.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runner_server/config/flags.h"
#include "runner_server/metrics/runner_metrics.h"
#include "runner_server/metrics/status_pages.h"
#include "runner_server/model_folder.h"
#include "runner_server/model_host.h"
#include "runner_server/model_reloader.h"
#include "runner_server/served_model.h"
#include "runner_server/service/runner_service.h"

namespace chorus::runner {

class RunnerServer {
 public:
  // Listens and writes the ports file. UNAVAILABLE names the address that cannot be listened on, or
  // why the file cannot be written.
  static absl::StatusOr<std::unique_ptr<RunnerServer>> Listen(const RunnerFlags& flags);

  // Stops without a drain. Waits for a model that is being loaded.
  ~RunnerServer();

  // Loads the model, warms it up, begins to serve, and says so in the ports file. Blocks. Errors as
  // ModelHost::Load.
  absl::Status Load();

  // After Load: with --reload, looks at once whether the model is another. False without.
  bool LookForAnother();

  // Reports not ready and goes on serving, until Drain.
  void SetNotReady();

  // Refuses new requests, waits for accepted ones at most `timeout`, fails the rest, and stops.
  // Blocks.
  void Drain(absl::Duration timeout);

  // Where the server listens, with the port it was given.
  const std::string& address() const { return address_; }
  const std::string& metrics_address() const { return metrics_address_; }  // Empty: off.

 private:
  explicit RunnerServer(const RunnerFlags& flags);

  absl::Status ListenForCalls();
  absl::Status ServeStatusPages();
  absl::Status WritePorts(bool ready) const;
  absl::StatusOr<std::unique_ptr<ModelHost>> LoadHost(const ModelFolder& folder);
  // INVALID_ARGUMENT if --untrained_head is given and the model has no use for it.
  absl::Status CheckUntrainedHead(const v1::GetModelInfoResponse& info) const;
  void SetReady(bool ready);

  const RunnerFlags flags_;
  std::string address_;
  std::string metrics_address_;
  RunnerMetrics metrics_;
  std::unique_ptr<StatusPages> status_pages_;  // Null: off.
  RunnerService service_;
  ServedModel served_;
  std::unique_ptr<grpc::Server> server_;     // Uses all of the above. Null once stopped.
  std::unique_ptr<ModelReloader> reloader_;  // Null until loaded, or without --reload.
};

}  // namespace chorus::runner
