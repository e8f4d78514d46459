// runner_server: one model, one engine, gRPC.

#include <glog/logging.h>

#include <iostream>
#include <memory>
#include <optional>

#include "absl/time/clock.h"
#include "runner_server/config/flags.h"
#include "runner_server/server.h"
#include "runner_server/shutdown_signal.h"

namespace {

int Fail(const absl::Status& status) {
  std::cerr << "runner_server: " << status.message() << std::endl;
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  FLAGS_logtostderr = true;
  google::InitGoogleLogging(argv[0]);
  const absl::StatusOr<std::optional<chorus::RunnerFlags>> flags = chorus::ParseFlags(argc, argv);
  if (!flags.ok()) return Fail(flags.status());
  if (!flags->has_value()) return 0;
  chorus::ShutdownSignal shutdown;

  absl::StatusOr<std::unique_ptr<chorus::RunnerServer>> server =
      chorus::RunnerServer::Listen(**flags);
  if (!server.ok()) return Fail(server.status());
  if (const absl::Status loaded = (*server)->Load(); !loaded.ok()) return Fail(loaded);

  const int signal = shutdown.Wait();
  LOG(INFO) << "event=signal number=" << signal;
  (*server)->SetNotReady();
  absl::SleepFor((*flags)->drain_delay);  // Still serving, while balancers take notice.
  (*server)->Drain((*flags)->drain_timeout);
  return 0;
}
