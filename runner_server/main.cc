// runner_server: one model, one engine, gRPC.

#include <glog/logging.h>
#include <malloc.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/time/clock.h"
#include "base/grpc/health_check.h"
#include "base/grpc/log.h"
#include "base/signals.h"
#include "runner_server/config/flags.h"
#include "runner_server/server.h"

namespace chorus::runner {
namespace {

int Fail(const absl::Status& status) {
  std::cerr << "runner_server: " << status.message() << std::endl;
  return 1;
}

// Where addresses are limited (ulimit -v) malloc has one arena: else it takes 64 MiB of them for
// each of a number of threads that is another at each start.
void SpareAddresses() {
  rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) mallopt(M_ARENA_MAX, 1);
}

// Serves until a signal, then drains. Leaves the server to its caller.
int Serve(const RunnerFlags& flags, std::unique_ptr<RunnerServer>& server) {
  std::atomic<RunnerServer*> loaded = nullptr;
  const SignalStop stop([&loaded] {
    if (RunnerServer* runner = loaded; runner != nullptr && runner->LookForAnother()) {
      LOG(INFO) << "event=hangup: looking whether the model is another";
    } else {
      LOG(INFO) << "event=hangup: a runner has nothing to load again, and serves on";
    }
  });
  absl::StatusOr<std::unique_ptr<RunnerServer>> listening = RunnerServer::Listen(flags);
  if (!listening.ok()) return Fail(listening.status());
  server = *std::move(listening);
  {
    // Loading may take minutes. Until it is done nothing is served, so there is nothing to drain.
    const std::stop_callback end(stop.token(), [&] {
      LOG(INFO) << "event=stopped model=" << flags.name << " signal=" << stop.signal()
                << ": it was still loading";
      std::_Exit(0);
    });
    if (const absl::Status status = server->Load(); !status.ok()) return Fail(status);
  }
  loaded = server.get();

  const int signal = stop.Wait();
  LOG(INFO) << "event=signal number=" << signal;
  server->SetNotReady();
  absl::SleepFor(flags.drain_delay);  // Still serving, while balancers take notice.
  server->Drain(flags.drain_timeout);
  return 0;
}

}  // namespace
}  // namespace chorus::runner

int main(int argc, char** argv) {
  chorus::runner::SpareAddresses();
  FLAGS_logtostderr = true;
  google::InitGoogleLogging(argv[0]);
  chorus::LogGrpcSparingly();
  const auto flags = chorus::runner::ParseFlags(argc, argv);
  if (!flags.ok()) return chorus::runner::Fail(flags.status());
  if (!flags->has_value()) return 0;
  if (const std::string& asked = (*flags)->check_health; !asked.empty()) {
    const absl::Status health = chorus::CheckHealth(asked, absl::Seconds(3));
    return health.ok() ? 0 : chorus::runner::Fail(health);
  }
  std::unique_ptr<chorus::runner::RunnerServer> server;
  const int exit_code = chorus::runner::Serve(**flags, server);
  // Everything is drained and said; only the metrics' HTTP server still listens, and takes two
  // seconds to stop in good order.
  std::quick_exit(exit_code);
}
