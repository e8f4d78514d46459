#include "cli/serve/serve.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/host_port.h"
#include "base/ports_file.h"
#include "base/signals.h"
#include "base/socket_address.h"
#include "base/status_macros.h"
#include "bundles/bundle_store.h"
#include "bundles/pinned_models.h"
#include "bundles/resources.h"
#include "cli/demo_store.h"
#include "cli/graph_file.h"
#include "cli/installation.h"
#include "cli/serve/serve_plan.h"
#include "cli/serve/socket_directory.h"
#include "cli/serve/supervisor.h"
#include "model_store/model_files.h"

namespace chorus {
namespace {

// Time beyond its drain timeout for a child to exit.
constexpr absl::Duration kStopReserve = absl::Seconds(5);

// Splits "RUNNER=MODEL" and checks that the graph has each runner.
absl::StatusOr<std::map<std::string, std::string>> ParseModels(
    const std::vector<std::string>& models, const GraphSummary& graph) {
  std::map<std::string, std::string> by_runner;
  for (const std::string& text : models) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals + 1 == text.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--model takes RUNNER=MODEL, such as gpt2-generation=./gpt2: ", text));
    }
    const std::string runner = text.substr(0, equals);
    if (std::count(graph.runners.begin(), graph.runners.end(), runner) == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--model names a runner that the graph does not have: ", runner));
    }
    by_runner[runner] = text.substr(equals + 1);
  }
  return by_runner;
}

// `fault` is the error of the runner's model, if any. With --keep_going it is only printed, and the
// runner is not started.
absl::Status SetAside(const absl::Status& fault, const ServeOptions& options, RunnerSpec& runner) {
  if (fault.ok()) return fault;
  if (!options.keep_going) {
    return absl::Status(fault.code(), absl::StrCat(fault.message(), "; ", kKeepGoingAdvice));
  }
  std::cerr << "chorus: " << fault.message() << "; the others go on without " << runner.name
            << std::endl;
  runner.num_replicas = 0;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RunnerSpec>> FindModels(const ServeOptions& options,
                                                   const GraphSummary& graph,
                                                   const store::ModelStore& store) {
  ASSIGN_OR_RETURN(const auto chosen, ParseModels(options.models, graph));
  std::vector<RunnerSpec> runners;
  for (const std::string& name : graph.runners) {
    const auto it = chosen.find(name);
    const std::string& text = it != chosen.end() ? it->second : name;
    const absl::StatusOr<store::ResolvedModel> model = ResolveModel(store, text);
    RunnerSpec runner{.name = name};
    absl::Status fault;
    if (model.ok()) {
      runner.model_directory = model->directory;
      if (model->tag) {
        runner.version = model->tag->version;
        fault = store.Verify(*model->tag);
      }
    } else {
      fault = absl::Status(
          model.status().code(),
          absl::StrCat("no model for the graph's runner ", name, ": ", model.status().message(),
                       "; --model ", name, "=FOLDER names one"));
      if (!absl::IsDataLoss(fault) && !store::IsModelFolder(text)) return fault;  // There is none.
    }
    RETURN_IF_ERROR(SetAside(fault, options, runner));
    runners.push_back(std::move(runner));
  }
  return runners;
}

// Checks that each served model has the task its graph needs, by its config.json.
absl::Status CheckTasks(const GraphSummary& graph, const std::vector<RunnerSpec>& runners) {
  for (const RunnerSpec& runner : runners) {
    if (runner.num_replicas == 0) continue;
    const auto model = store::DescribeModel(runner.model_directory);
    if (!model.ok()) continue;  // The runner says what is wrong with it.
    const absl::Status status = CheckTask(graph, runner.name, model->task, model->architecture);
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat(status.message(), "; --model ", runner.name,
                                                      "=FOLDER names another"));
    }
  }
  return absl::OkStatus();
}

// Collects what to serve.
struct Work {
  GraphSummary graph;
  std::filesystem::path graph_file;
  std::vector<RunnerSpec> runners;
};

absl::StatusOr<Work> FindGraphAndModels(const ServeOptions& options,
                                        const Installation& installation) {
  Work work{.graph_file = options.graph};
  if (work.graph_file.empty()) {
    ASSIGN_OR_RETURN(work.graph_file, installation.Data(kDefaultGraph));
  }
  ASSIGN_OR_RETURN(work.graph, ReadGraphFile(work.graph_file));
  ASSIGN_OR_RETURN(const store::ModelStore store, OpenStoreWithDemoModels(installation));
  ASSIGN_OR_RETURN(work.runners, FindModels(options, work.graph, store));
  return work;
}

// Those of the bundle that the command line does not give itself.
std::vector<std::string> FlagsBesides(const std::vector<std::string>& given,
                                      const config::v1::Resources& resources) {
  std::vector<std::string> flags;
  const std::vector<std::string> all = RunnerFlags(resources);
  for (size_t i = 0; i + 1 < all.size(); i += 2) {
    if (std::count(given.begin(), given.end(), all[i]) == 0) {
      flags.insert(flags.end(), {all[i], all[i + 1]});
    }
  }
  return flags;
}

// Only what the bundle pins.
absl::StatusOr<Work> FindBundle(const ServeOptions& options) {
  ASSIGN_OR_RETURN(const std::filesystem::path home, store::ModelStore::DefaultHome());
  ASSIGN_OR_RETURN(const store::Tag tag, store::ParseTag(options.bundle));
  const BundleStore bundles(home);
  ASSIGN_OR_RETURN(const config::v1::Bundle bundle, bundles.Get(tag));
  RETURN_IF_ERROR(bundles.Verify(bundle));
  const store::ModelStore models(home);
  Work work{.graph_file = bundles.Directory(TagOf(bundle)) / kGraphFileName};
  ASSIGN_OR_RETURN(work.graph, ReadGraphFile(work.graph_file));
  for (const config::v1::PinnedModel& model : bundle.models()) {
    const config::v1::Resources& resources = ResourcesOf(bundle.resources(), model.runner());
    RunnerSpec runner{model.runner(), TagOf(model).version, models.Directory(TagOf(model))};
    if (resources.has_replicas()) runner.num_replicas = static_cast<int>(resources.replicas());
    if (resources.has_threads()) runner.num_threads = static_cast<int>(resources.threads());
    runner.flags = FlagsBesides(options.runner_flags, resources);
    RETURN_IF_ERROR(SetAside(VerifyPinnedModel(model, bundle, models), options, runner));
    work.runners.push_back(std::move(runner));
  }
  return work;
}

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

std::string Greeting(const std::string& graph, const GatewayAddresses& addresses) {
  const std::string http = "http://" + addresses.http.ToString();
  std::string text = absl::StrCat("Chorus is ready: HTTP ", http, ", gRPC ",
                                  addresses.grpc.ToString(), "\nTry:  curl -X POST ", http);
  if (graph == "inference_graph") {
    absl::StrAppend(
        &text, "/classify_generated_texts -H 'Content-Type: text/plain' -d 'I have an idea!'\n");
  } else {
    absl::StrAppend(
        &text, "/v1/graphs/", graph,
        ":run -H 'Content-Type: application/json' -d '{\"text\": \"I have an idea!\"}'\n");
  }
  return text;
}

absl::Status WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  if (file) return absl::OkStatus();
  return absl::InternalError("cannot write " + path.native() + ": is the disk full?");
}

absl::StatusOr<ServeSettings> MakeSettings(const ServeOptions& options,
                                           const Installation& installation) {
  ServeSettings settings;
  settings.num_threads = options.num_threads;
  settings.runner_flags = options.runner_flags;
  settings.drain_timeout = options.drain_timeout;
  settings.access_log = options.access_log;
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
  return settings;
}

}  // namespace

absl::StatusOr<int> Serve(const ServeOptions& options) {
  BlockSignals({SIGHUP});  // So that a SIGHUP before there is a gateway ends nothing.
  ASSIGN_OR_RETURN(const Installation installation, Installation::Find());
  ASSIGN_OR_RETURN(ServeSettings settings, MakeSettings(options, installation));
  ASSIGN_OR_RETURN(const Work work, options.bundle.empty()
                                        ? FindGraphAndModels(options, installation)
                                        : FindBundle(options));
  RETURN_IF_ERROR(CheckTasks(work.graph, work.runners));
  ASSIGN_OR_RETURN(const store::ScratchDirectory directory, CreateSocketDirectory());
  settings.graph_file = work.graph_file;
  settings.directory = directory.path();
  ServePlan plan = MakeServePlan(settings, work.runners);
  RETURN_IF_ERROR(WriteFile(plan.gateway_config_file, plan.gateway_config));
  RETURN_IF_ERROR(WriteFile(plan.core_lease_file, plan.core_lease));

  Supervisor::Options supervisor;
  supervisor.gateway = Supervisor::Gateway{
      plan.children.size() - 1,
      {.ports_file = plan.gateway_ports_file},
      [&](const GatewayAddresses& addresses) { return Greeting(work.graph.name, addresses); },
      [&](const GatewayAddresses& addresses) {
        ServeSettings again = settings;
        again.http_address = WithPort(settings.http_address, addresses.http.port());
        again.grpc_address = WithPort(settings.grpc_address, addresses.grpc.port());
        return MakeServePlan(again, work.runners).children.back().argv;
      }};
  supervisor.children = std::move(plan.children);
  supervisor.plan.stop_timeout = options.drain_timeout + kStopReserve;
  supervisor.color = WantsColor(STDERR_FILENO);
  return Supervisor(std::move(supervisor)).Run();
}

}  // namespace chorus
