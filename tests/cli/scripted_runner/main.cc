// Stands in for runner_server: the same flags, ScriptedRunnerService for the model. A model folder
// with a file "broken" in it cannot be loaded.

#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <string>

#include "base/signals.h"
#include "tests/cli/scripted_runner/scripted_runner_service.h"

int main(int argc, char** argv) {
  std::map<std::string, std::string> flags;
  for (int i = 1; i + 1 < argc; i += 2) flags[argv[i]] = argv[i + 1];
  for (const auto& [flag, value] : flags) std::cout << flag << "=" << value << std::endl;
  if (std::filesystem::exists(std::filesystem::path(flags["--model"]) / "broken")) {
    std::cerr << "cannot load " << flags["--model"] << ": it is broken" << std::endl;
    return 1;
  }
  const sigset_t signals = chorus::BlockSignals({SIGTERM});
  chorus::ScriptedRunnerService service(
      /*classifies=*/flags["--model"].find("bert") != std::string::npos, /*num_unavailable=*/2);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(flags["--address"], grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 3;
  std::cout << "serving" << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  std::cout << "drained" << std::endl;
  server->Shutdown(std::chrono::system_clock::now());
  return 0;
}
