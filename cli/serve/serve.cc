#include "cli/serve/serve.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/host_port.h"
#include "base/printable.h"
#include "base/replace_file.h"
#include "base/signals.h"
#include "base/socket_address.h"
#include "base/status_macros.h"
#include "cli/demo_store.h"
#include "cli/installation.h"
#include "cli/serve/reloader.h"
#include "cli/serve/serve_plan.h"
#include "cli/serve/serve_work.h"
#include "cli/serve/socket_directory.h"
#include "cli/serve/supervisor.h"

namespace chorus {
namespace {

// Time beyond its drain timeout for a child to exit.
constexpr absl::Duration kStopReserve = absl::Seconds(5);
// With --reload: for processes beside those that they replace, and others that still leave.
constexpr size_t kSpareSlots = 16;

// Detects a taken port or a foreign address here, rather than in a child that fails repeatedly. A
// name with several addresses stays a name.
absl::StatusOr<std::string> FreeAddress(const std::string& host, int port, const char* flag) {
  const bool is_bare_ipv6 = !host.starts_with('[') && std::count(host.begin(), host.end(), ':') > 1;
  const absl::StatusOr<HostPort> host_port = HostPort::Parse(
      is_bare_ipv6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port));
  if (!host_port.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--host must be a name or an address, such as localhost, 127.0.0.1 or ::1, without a port, "
        "which --port and --grpc_port give: \"",
        absl::CEscape(host), "\""));
  }
  const auto addresses = SocketAddress::ResolveToListen(*host_port);
  if (absl::IsAlreadyExists(addresses.status())) {
    return absl::AlreadyExistsError(
        absl::StrCat(addresses.status().message(), "; stop it or choose another port with ", flag));
  }
  if (!addresses.ok()) {
    return absl::Status(addresses.status().code(),
                        absl::StrCat("--host: ", addresses.status().message()));
  }
  return addresses->size() == 1 ? addresses->front().ToString() : host_port->ToString();
}

std::string Greeting(const ServeWork& work, const GatewayAddresses& addresses) {
  const std::string http = "http://" + addresses.http.ToString();
  std::string text = absl::StrCat("Chorus is ready: HTTP ", http, ", gRPC ",
                                  addresses.grpc.ToString(), "\nTry:  curl ");
  if (work.graph_file.empty()) {
    absl::StrAppend(&text, http, "/v1/models/", work.runners[0].name,
                    ":tokenize -H 'Content-Type: application/json' -d "
                    "'{\"text\": \"I have an idea!\"}'\n");
  } else if (work.graph.name == "inference_graph") {
    absl::StrAppend(&text, "-X POST ", http,
                    "/classify_generated_texts -H 'Content-Type: text/plain' -d 'I have an "
                    "idea!'\n");
  } else {
    absl::StrAppend(
        &text, "-X POST ", http, "/v1/graphs/", work.graph.name,
        ":run -H 'Content-Type: application/json' -d '{\"text\": \"I have an idea!\"}'\n");
  }
  return text;
}

absl::StatusOr<ServeSettings> MakeSettings(const ServeOptions& options,
                                           const Installation& installation) {
  ServeSettings settings;
  settings.gateway_flags = options.gateway_flags;
  settings.drain_timeout = options.drain_timeout;
  settings.access_log = options.access_log;
  settings.reload = options.reload;
  settings.keep_going = options.keep_going;
  ASSIGN_OR_RETURN(settings.runner_program, installation.Program("runner_server"));
  ASSIGN_OR_RETURN(settings.gateway_program, installation.Program("api_server"));
  if (options.port == options.grpc_port && options.port != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--port and --grpc_port must differ: ", options.port));
  }
  ASSIGN_OR_RETURN(settings.http_address, FreeAddress(options.host, options.port, "--port"));
  ASSIGN_OR_RETURN(settings.grpc_address,
                   FreeAddress(options.host, options.grpc_port, "--grpc_port"));
  const bool says_who_may_call = std::ranges::any_of(
      options.gateway_flags,
      [](const std::string& flag) { return flag == "--api_keys" || flag == "--allow_anonymous"; });
  if (!IsLoopback(options.host) && !says_who_may_call) {
    return absl::InvalidArgumentError(
        absl::StrCat("--host ", options.host,
                     " can be reached from other machines: --api_keys FILE says who "
                     "may call, --allow_anonymous lets everybody"));
  }
  return settings;
}

void TellFaults(const ServeWork& work) {
  for (const RunnerSpec& runner : work.runners) {
    if (runner.fault.empty()) continue;
    std::cerr << "chorus: " << Printable(runner.fault) << "; the others go on without "
              << runner.name << std::endl;
  }
}

}  // namespace

absl::StatusOr<int> Serve(const ServeOptions& options) {
  BlockSignals({SIGHUP});  // So that a SIGHUP before there is a gateway ends nothing.
  ASSIGN_OR_RETURN(const Installation installation, Installation::Find());
  ASSIGN_OR_RETURN(ServeSettings settings, MakeSettings(options, installation));
  if (!IsOfBundle(options)) RETURN_IF_ERROR(OpenStoreWithDemoModels(installation).status());
  ASSIGN_OR_RETURN(ServeWork work, FindWork(options, installation));
  RETURN_IF_ERROR(CheckWork(options, work));
  RETURN_IF_ERROR(CheckUntrainedHead(options, work));
  TellFaults(work);
  ASSIGN_OR_RETURN(const store::ScratchDirectory directory, CreateSocketDirectory());
  settings.graph_file = work.graph_file;
  settings.directory = directory.path();
  if (options.reload && !work.graph_file.empty()) {
    // A copy, which changes when all is ready for it.
    settings.graph_file = directory.path() / "graph.yaml";
    RETURN_IF_ERROR(ReplaceFile(settings.graph_file, work.graph.text));
  }
  ServePlan plan = MakeServePlan(settings, work.runners, options.reload ? kSpareSlots : 0);
  RETURN_IF_ERROR(ReplaceFile(plan.gateway_config_file, plan.gateway_config));
  RETURN_IF_ERROR(ReplaceFile(plan.core_lease_file, plan.core_lease));

  Supervisor::Options supervisor;
  supervisor.gateway = Supervisor::Gateway{
      plan.children.size() - 1,
      {.ports_file = plan.gateway_ports_file},
      [&](const GatewayAddresses& addresses) { return Greeting(work, addresses); },
      [&](const GatewayAddresses& addresses) {
        ServeSettings again = settings;
        again.http_address = WithPort(settings.http_address, addresses.http.port());
        again.grpc_address = WithPort(settings.grpc_address, addresses.grpc.port());
        return MakeServePlan(again, work.runners).children.back().argv;
      }};
  if (options.reload) {
    ServeOptions found = options;
    found.keep_going = true;  // Faults are for the reloader, which refuses those that are new.
    found.also_may_be_named = true;
    Reloader::Options reload{.settings = settings,
                             .gateway_config_file = plan.gateway_config_file,
                             .num_slots = plan.children.size() - 1 + kSpareSlots,
                             .find = [&, found] { return FindWork(found, installation); },
                             .check = [found](ServeWork& next) { return CheckWork(found, next); }};
    supervisor.make_reloader = [&, reload = std::move(reload),
                                children = plan.children](ReloadHost& host) {
      return std::make_unique<Reloader>(reload, work, children, host);
    };
  }
  supervisor.children = std::move(plan.children);
  supervisor.plan.stop_timeout = options.drain_timeout + kStopReserve;
  supervisor.color = WantsColor(STDERR_FILENO);
  return Supervisor(std::move(supervisor)).Run();
}

}  // namespace chorus
