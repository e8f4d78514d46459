// api_server: the gateway. See server.h for what it is made of and how it ends.

#include <glog/logging.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "api_server/config.h"
#include "api_server/openapi/inference_document.h"
#include "api_server/server.h"
#include "base/health_check.h"
#include "base/ports_file.h"
#include "base/status_macros.h"

namespace chorus {
namespace {

// SIGTERM and SIGINT, blocked in this thread and those it starts, and waited for instead.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    signal(SIGPIPE, SIG_IGN);
  }

  int Wait() const {
    int number = 0;
    sigwait(&set_, &number);
    return number;
  }

 private:
  sigset_t set_;
};

// While this lives, a signal ends the process where it stands.
class Impatience {
 public:
  explicit Impatience(const Signals& signals)
      : thread_([this, &signals] {
          const int number = signals.Wait();
          if (over_) return;
          LOG(WARNING) << "stopping at once signal=" << number;
          std::_Exit(128 + number);
        }) {}
  ~Impatience() {
    over_ = true;
    pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }

 private:
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

absl::Status Run(const Flags& flags, const Signals& signals) {
  ASSIGN_OR_RETURN(const Config config, LoadConfig(flags));
  if (flags.print_openapi) {
    ASSIGN_OR_RETURN(const std::string document, InferenceDocument(CHORUS_VERSION));
    std::cout << document << std::flush;
    return std::cout ? absl::OkStatus() : absl::UnavailableError("cannot write to standard output");
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Server> server,
                   Server::Start({.http_address = flags.http_address,
                                  .grpc_address = flags.grpc_address,
                                  .reflection = flags.reflection,
                                  .io_threads = flags.io_threads,
                                  .drain_delay = flags.drain_delay,
                                  .drain_timeout = flags.drain_timeout},
                                 config));
  LOG(INFO) << "listening http=" << server->http_address() << " grpc=" << server->grpc_address();
  if (!flags.ports_file.empty()) {
    RETURN_IF_ERROR(WritePortsFile(
        flags.ports_file,
        absl::StrCat("http=", server->http_address(), "\ngrpc=", server->grpc_address(), "\n")));
  }
  const int number = signals.Wait();
  LOG(INFO) << "stopping signal=" << number;
  const Impatience impatience(signals);
  server->Drain();
  server.reset();
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  FLAGS_logtostderr = true;
  google::InitGoogleLogging(argv[0]);
  const Signals signals;  // Before any thread is started.
  auto flags = ParseFlags(argc, argv);
  if (flags.ok() && !flags->has_value()) return 0;
  absl::Status status = flags.status();
  if (status.ok()) {
    const std::string& asked = (*flags)->check_health;
    status = asked.empty() ? Run(**flags, signals) : CheckHealth(asked, absl::Seconds(3));
  }
  if (status.ok()) return 0;
  std::cerr << "api_server: " << status.message() << "\n";
  return 1;
}

}  // namespace
}  // namespace chorus

int main(int argc, char** argv) { return chorus::Main(argc, argv); }
