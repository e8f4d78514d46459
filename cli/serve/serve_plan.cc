#include "cli/serve/serve_plan.h"

#include <sys/un.h>

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/names.h"

namespace chorus {
namespace {

constexpr int kGatewayStopStage = 0;
constexpr int kRunnerStopStage = 1;
constexpr size_t kLeaseBytes = 64;  // Of a runner, in its --core_lease file.
constexpr size_t kLongestSocketName = sizeof("/runner-9999.sock");
constexpr char kCoreLeaseFile[] = "core_lease";

}  // namespace

ChildSpec MakeRunner(const ServeSettings& settings, const RunnerSpec& runner, int replica,
                     size_t slot) {
  const std::string stem = absl::StrCat("runner-", slot);
  const std::filesystem::path socket = settings.directory / (stem + ".sock");
  const std::filesystem::path ports = settings.directory / (stem + ".ports");
  ChildSpec spec;
  spec.child = {
      .name = runner.num_replicas == 1 ? runner.name : absl::StrCat(runner.name, "/", replica),
      .stop_stage = kRunnerStopStage,
      .essential = !settings.keep_going,
      .advice = kKeepGoingAdvice};
  spec.made_files = {socket, ports};
  spec.argv = {settings.runner_program,
               "--model",
               runner.model_directory,
               "--name",
               runner.name,
               "--version",
               runner.version,
               "--address",
               "unix:" + socket.native(),
               "--metrics_address",
               "",
               "--drain_timeout",
               absl::FormatDuration(settings.drain_timeout),
               "--ports_file",
               ports};
  if (runner.num_threads) {
    spec.argv.insert(spec.argv.end(), {"--threads", std::to_string(*runner.num_threads)});
  } else {
    spec.argv.insert(spec.argv.end(), {"--core_lease", settings.directory / kCoreLeaseFile,
                                       "--core_lease_slot", std::to_string(slot)});
  }
  spec.argv.insert(spec.argv.end(), runner.flags.begin(), runner.flags.end());
  return spec;
}

std::filesystem::path PortsFileOf(const ChildSpec& runner) { return runner.made_files[1]; }

// None needs escapes: names match [A-Za-z0-9._-]+, and see FitsSocketPath.
std::string MakeGatewayConfig(const std::vector<RunnerSockets>& runners,
                              const std::filesystem::path& directory) {
  std::string config = runners.empty() ? "" : "runners:\n";
  for (const RunnerSockets& runner : runners) {
    std::vector<std::string> endpoints;
    for (const std::filesystem::path& socket : runner.sockets) {
      endpoints.push_back(absl::StrCat("\"unix:", socket.native(), "\""));
    }
    if (endpoints.empty()) {
      endpoints.push_back(absl::StrCat("\"unix:", (directory / "nobody.sock").native(), "\""));
    }
    absl::StrAppend(&config, "  - name: \"", runner.name, "\"\n    endpoints: [",
                    absl::StrJoin(endpoints, ", "), "]\n");
  }
  return config;
}

ServePlan MakeServePlan(const ServeSettings& settings, const std::vector<RunnerSpec>& runners,
                        size_t spare_slots) {
  ServePlan plan;
  plan.gateway_config_file = settings.directory / "gateway.yaml";
  plan.gateway_ports_file = settings.directory / "gateway.ports";
  plan.core_lease_file = settings.directory / kCoreLeaseFile;
  std::vector<RunnerSockets> sockets;
  for (const RunnerSpec& runner : runners) {
    sockets.push_back({runner.name, {}});
    for (int replica = 0; replica < runner.num_replicas; ++replica) {
      plan.children.push_back(MakeRunner(settings, runner, replica, plan.children.size()));
      sockets.back().sockets.push_back(plan.children.back().made_files[0]);
    }
  }
  plan.gateway_config = MakeGatewayConfig(sockets, settings.directory);
  plan.core_lease.assign(kLeaseBytes * (plan.children.size() + spare_slots), '\0');
  ChildSpec gateway;
  gateway.child = {.name = "api_server", .stop_stage = kGatewayStopStage, .essential = true};
  gateway.made_files = {plan.gateway_ports_file};
  gateway.argv = {settings.gateway_program,
                  "--config",
                  plan.gateway_config_file,
                  "--http_address",
                  settings.http_address,
                  "--grpc_address",
                  settings.grpc_address,
                  "--ports_file",
                  plan.gateway_ports_file,
                  "--drain_timeout",
                  absl::FormatDuration(settings.drain_timeout),
                  "--runner_metrics"};
  if (!settings.graph_file.empty()) {
    gateway.argv.insert(gateway.argv.end(), {"--graph", settings.graph_file});
  }
  gateway.argv.insert(gateway.argv.end(), settings.gateway_flags.begin(),
                      settings.gateway_flags.end());
  if (settings.reload) gateway.argv.push_back("--no-reload");
  if (!settings.access_log) gateway.argv.push_back("--no-access_log");
  plan.children.push_back(std::move(gateway));
  return plan;
}

bool FitsSocketPath(const std::filesystem::path& directory) {
  const std::string& path = directory.native();
  return directory.is_absolute() &&
         path.size() + kLongestSocketName <= sizeof(sockaddr_un::sun_path) &&
         HasNameCharacters(path, "/");
}

}  // namespace chorus
