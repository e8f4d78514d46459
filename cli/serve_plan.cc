#include "cli/serve_plan.h"

#include <sys/un.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace chorus {
namespace {

constexpr int kGatewayStopStage = 0;
constexpr int kRunnerStopStage = 1;
constexpr size_t kLongestSocketName = sizeof("/runner-9999.sock");

ChildSpec MakeRunner(const ServeSettings& settings, const RunnerSpec& runner, size_t index,
                     int num_threads) {
  const std::string stem = absl::StrCat("runner-", index);
  const std::filesystem::path socket = settings.directory / (stem + ".sock");
  const std::filesystem::path ports = settings.directory / (stem + ".ports");
  ChildSpec spec;
  spec.child = {.name = runner.name, .stop_stage = kRunnerStopStage};
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
               "--threads",
               std::to_string(num_threads),
               "--drain_timeout",
               absl::FormatDuration(settings.drain_timeout),
               "--ports_file",
               ports};
  if (settings.dtype) spec.argv.insert(spec.argv.end(), {"--dtype", *settings.dtype});
  if (settings.max_sequences) {
    spec.argv.insert(spec.argv.end(), {"--max_sequences", std::to_string(*settings.max_sequences)});
  }
  return spec;
}

}  // namespace

ServePlan MakeServePlan(const ServeSettings& settings, const std::vector<RunnerSpec>& runners) {
  const int num_runners = std::max(1, static_cast<int>(runners.size()));
  const int num_threads =
      settings.num_threads.value_or(std::max(1, settings.num_cores / num_runners));
  ServePlan plan;
  plan.gateway_config_file = settings.directory / "gateway.yaml";
  plan.gateway_ports_file = settings.directory / "gateway.ports";
  plan.gateway_config = "runners:\n";
  for (size_t i = 0; i < runners.size(); ++i) {
    plan.children.push_back(MakeRunner(settings, runners[i], i, num_threads));
    // Neither needs escapes: names match [A-Za-z0-9._-]+, and see FitsSocketPath.
    absl::StrAppend(&plan.gateway_config, "  - name: \"", runners[i].name,
                    "\"\n    endpoints: [\"unix:", plan.children.back().made_files[0].native(),
                    "\"]\n");
  }
  ChildSpec gateway;
  gateway.child = {.name = "api_server", .stop_stage = kGatewayStopStage, .essential = true};
  gateway.made_files = {plan.gateway_ports_file};
  gateway.argv = {settings.gateway_program,
                  "--config",
                  plan.gateway_config_file,
                  "--graph",
                  settings.graph_file,
                  "--http_address",
                  settings.http_address,
                  "--grpc_address",
                  settings.grpc_address,
                  "--ports_file",
                  plan.gateway_ports_file,
                  "--drain_timeout",
                  absl::FormatDuration(settings.drain_timeout)};
  plan.children.push_back(std::move(gateway));
  return plan;
}

bool FitsSocketPath(const std::filesystem::path& directory) {
  const std::string& path = directory.native();
  return directory.is_absolute() &&
         path.size() + kLongestSocketName <= sizeof(sockaddr_un::sun_path) &&
         std::all_of(path.begin(), path.end(), [](char c) {
           return absl::ascii_isalnum(c) ||
                  std::string_view("/._-").find(c) != std::string_view::npos;
         });
}

}  // namespace chorus
