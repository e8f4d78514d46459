// api_server: the gateway. See server.h for what it is made of and how it ends.

#include <glog/logging.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "api_server/config.h"
#include "api_server/config_watch.h"
#include "api_server/pages.h"
#include "api_server/server.h"
#include "base/grpc/health_check.h"
#include "base/grpc/log.h"
#include "base/ports_file.h"
#include "base/signal_fd.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

// Between two looks at the configuration files; a change is taken at the second that sees it.
constexpr absl::Duration kLookEvery = absl::Seconds(1);

// SIGTERM, SIGINT and SIGHUP, blocked in this thread and those it starts, and waited for instead.
// Where SIGHUP is ignored it stays so.
class Signals {
 public:
  Signals() {
    sigemptyset(&stop_);
    sigaddset(&stop_, SIGTERM);
    sigaddset(&stop_, SIGINT);
    all_ = stop_;
    if (!HangupIsIgnored()) sigaddset(&all_, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &all_, nullptr);
    signal(SIGPIPE, SIG_IGN);
  }

  // The next of the three; none when `patience` is over.
  std::optional<int> Wait(absl::Duration patience) const {
    const timespec time = absl::ToTimespec(patience);
    const int number = sigtimedwait(&all_, nullptr, &time);
    if (number < 0) return std::nullopt;
    return number;
  }

  // The next of the first two.
  int WaitForStop() const {
    int number = 0;
    sigwait(&stop_, &number);
    return number;
  }

 private:
  sigset_t stop_;
  sigset_t all_;
};

// While this lives, a signal ends the process where it stands.
class Impatience {
 public:
  explicit Impatience(const Signals& signals)
      : thread_([this, &signals] {
          const int number = signals.WaitForStop();
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

// As many descriptors as the system allows: a shell's 1,024 are fewer than the connections that are
// allowed, and gRPC 1.51 accepts none any more once it has met the end of them.
void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// What large replies took is given back when it is freed. By itself glibc learns from each to keep
// more, up to 64 MiB for each of a dozen threads, which malloc_trim does not touch.
void KeepLittleFreeMemory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

// Reloads the server when the files of `flags` change, which said `files` when it was started, and
// upon SIGHUP. Returns the signal to stop by.
int Watch(const Flags& flags, ConfigFiles files, const Signals& signals, Server& server) {
  const bool can_read_again = CanReadAgain(flags);
  ConfigWatch watch(std::move(files));
  while (true) {
    const std::optional<int> number = signals.Wait(kLookEvery);
    if (number.has_value() && *number != SIGHUP) return *number;
    if (!can_read_again) {
      LOG_IF(WARNING, number.has_value()) << "the configuration is no file that can be read again";
      continue;
    }
    ConfigFiles now = ReadConfigFiles(flags);
    if (!now.seen()) {
      LOG_EVERY_T(WARNING, 60) << "did not look at the configuration files, and will again: "
                               << now.status.message();
    }
    if (watch.See(now, /*asked=*/number.has_value())) server.Reload(ParseConfig(flags, now));
  }
}

absl::Status Run(const Flags& flags, const Signals& signals) {
  ConfigFiles files = ReadConfigFiles(flags);
  ASSIGN_OR_RETURN(const Config config, ParseConfig(flags, files));
  if (flags.print_openapi) {
    std::cout << OpenApiDocument() << std::flush;
    return std::cout ? absl::OkStatus() : absl::UnavailableError("cannot write to standard output");
  }
  RaiseDescriptorLimit();
  KeepLittleFreeMemory();
  ASSIGN_OR_RETURN(std::unique_ptr<Server> server,
                   Server::Start({.http_address = flags.http_address,
                                  .grpc_address = flags.grpc_address,
                                  .reflection = flags.reflection,
                                  .grpc = flags.grpc,
                                  .io_threads = flags.io_threads,
                                  .runner_metrics = flags.runner_metrics,
                                  .drain_delay = flags.drain_delay,
                                  .drain_timeout = flags.drain_timeout,
                                  .keep_alive_timeout = flags.keep_alive_timeout,
                                  .access_log = flags.access_log},
                                 config));
  LOG(INFO) << "listening http=" << server->http_address() << " grpc=" << server->grpc_address();
  if (!flags.ports_file.empty()) {
    RETURN_IF_ERROR(WritePortsFile(
        flags.ports_file,
        absl::StrCat("http=", server->http_address(), "\ngrpc=", server->grpc_address(), "\n")));
  }
  const int number = Watch(flags, std::move(files), signals, *server);
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
  LogGrpcSparingly();
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
}  // namespace chorus::gateway

int main(int argc, char** argv) { return chorus::gateway::Main(argc, argv); }
