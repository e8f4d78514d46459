// api_server, the gateway. server.h describes its parts and its shutdown.

#include <glog/logging.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "api_server/config.h"
#include "api_server/pages.h"
#include "api_server/server.h"
#include "base/change_watch.h"
#include "base/grpc/health_check.h"
#include "base/grpc/log.h"
#include "base/replace_file.h"
#include "base/signals.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

// Between polls of the configuration files; a change is taken at the second poll that sees it.
constexpr absl::Duration kLookEvery = absl::Seconds(1);

// Raises the descriptor limit to the maximum: a shell's 1,024 are fewer than max_connections, and
// gRPC 1.51 stops accepting for good once it runs out.
void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Returns the memory of large replies when it is freed. By default glibc adapts its thresholds and
// keeps up to 64 MiB for each thread, which malloc_trim does not release.
void KeepLittleFreeMemory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

// Takes the keys over when their file has changed, also with --no-reload: they are no part of what
// is served.
void TakeKeys(const Flags& flags, bool asked, ChangeWatch<std::string>& watch, Server& server) {
  if (flags.api_keys_file.empty()) return;
  const absl::StatusOr<std::string> text = ReadKeysFile(flags);
  if (!text.ok()) {
    LOG_EVERY_T(WARNING, 60) << "the API keys stay as they are: " << text.status().message();
  }
  if (!watch.See(text.ok() ? std::optional(*text) : std::nullopt, asked)) return;
  absl::StatusOr<std::shared_ptr<const KeyRing>> keys = ParseKeys(flags, *text);
  if (!keys.ok()) {
    LOG(ERROR) << "the API keys stay as they are: " << keys.status().message();
    return;
  }
  LOG(INFO) << "reloaded api_keys=" << (*keys)->keys().size();
  server.SetKeys(*std::move(keys));
}

// Reloads the server when the files of `flags`, initially `files`, change, if that is wanted, and
// on SIGHUP; has it look once a second for what such a reload waits for. Returns the signal that
// stops it.
int Watch(const Flags& flags, ConfigFiles files, std::string keys, const sigset_t& signals,
          Server& server) {
  const bool can_read_again = CanReadAgain(flags);
  ChangeWatch<ConfigFiles> watch(std::move(files));
  ChangeWatch<std::string> key_watch(std::move(keys));
  while (true) {
    const timespec patience = absl::ToTimespec(kLookEvery);
    const int number = sigtimedwait(&signals, nullptr, &patience);  // -1 when that is over.
    const bool asked = number == SIGHUP;
    if (number > 0 && !asked) return number;
    TakeKeys(flags, asked, key_watch, server);
    server.RetryReload();
    if (!flags.reload && !asked) continue;
    if (!can_read_again) {
      LOG_IF(WARNING, asked) << "the configuration is no file that can be read again";
      continue;
    }
    ConfigFiles now = ReadConfigFiles(flags);
    if (!now.seen()) {
      LOG_EVERY_T(WARNING, 60) << "did not look at the configuration files, and will again: "
                               << now.status.message();
    }
    if (watch.See(now.seen() ? std::optional(now) : std::nullopt, asked)) {
      server.Reload(ParseConfig(flags, now));
    }
  }
}

absl::Status Run(const Flags& flags, const sigset_t& signals) {
  ConfigFiles files = ReadConfigFiles(flags);
  ASSIGN_OR_RETURN(const Config config, ParseConfig(flags, files));
  ASSIGN_OR_RETURN(std::string keys_file, ReadKeysFile(flags));
  ASSIGN_OR_RETURN(std::shared_ptr<const KeyRing> keys, ParseKeys(flags, keys_file));
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
                                  .access_log = flags.access_log,
                                  .keys = std::move(keys),
                                  .allow_anonymous = flags.allow_anonymous,
                                  .allowed_hosts = flags.allowed_hosts,
                                  .allowed_origins = flags.allowed_origins},
                                 config));
  LOG(INFO) << "listening http=" << server->http_address() << " grpc=" << server->grpc_address();
  if (!flags.ports_file.empty()) {
    RETURN_IF_ERROR(ReplaceFile(
        flags.ports_file,
        absl::StrCat("http=", server->http_address(), "\ngrpc=", server->grpc_address(), "\n")));
  }
  const int number = Watch(flags, std::move(files), std::move(keys_file), signals, *server);
  LOG(INFO) << "stopping signal=" << number;
  const SignalStop at_once([] {});  // There is nothing to load again for.
  const std::stop_callback end(at_once.token(), [&] {
    LOG(WARNING) << "stopping at once signal=" << at_once.signal();
    std::_Exit(128 + at_once.signal());
  });
  server->Drain();
  server.reset();
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  FLAGS_logtostderr = true;
  google::InitGoogleLogging(argv[0]);
  const sigset_t signals =
      BlockSignals({SIGINT, SIGTERM, SIGHUP});  // Before any thread is started.
  signal(SIGPIPE, SIG_IGN);
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
