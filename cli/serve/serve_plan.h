#pragma once

// Plans the child processes of `chorus serve`: a runner_server for each replica of a model, on a
// unix socket in a private folder, and the api_server.
//
// Pure. Thread safety: free functions without state.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cli/serve/supervision_plan.h"

namespace chorus {

// Advice for a model that cannot be loaded.
inline constexpr char kKeepGoingAdvice[] = "--keep_going serves the other models nevertheless";

// One model to serve. Specs that are equal are served by the same processes.
struct RunnerSpec {
  std::string name;     // As the graph names it.
  std::string version;  // In the store; empty for a folder.
  std::filesystem::path model_directory;
  int num_replicas = 1;            // Processes that serve it. 0: its model cannot be served, and
                                   // the gateway finds nobody where it should be.
  std::optional<int> num_threads;  // Of each replica. Unset: they share cores by a lease.
  std::vector<std::string> flags;  // Further ones of its runner_server: "--dtype", "int8".
  std::string content;             // Changes whenever that of the model's files does.
  std::string native_code;         // As ResolvedModel's.
  std::string fault;               // Why it has no replicas, if a fault of the model is the reason.

  bool operator==(const RunnerSpec&) const = default;
};

struct ServeSettings {
  std::string http_address;  // "127.0.0.1:3000"
  std::string grpc_address;
  std::filesystem::path graph_file;        // Empty: none is served.
  std::vector<std::string> gateway_flags;  // Further ones.
  absl::Duration drain_timeout;
  bool access_log = true;   // The gateway's line a call.
  bool reload = false;      // The gateway reads its files again upon SIGHUP alone.
  bool keep_going = false;  // Also when a runner cannot load its model at the start.
  std::filesystem::path runner_program;
  std::filesystem::path gateway_program;
  std::filesystem::path directory;  // Private and short; see FitsSocketPath.
};

struct ServePlan {
  std::vector<ChildSpec> children;  // The runners, then the gateway; the gateway stops first.
  std::string gateway_config;       // YAML, to be written to the next before the start.
  std::filesystem::path gateway_config_file;
  std::filesystem::path gateway_ports_file;
  std::string core_lease;  // To be written to the next before the start.
  std::filesystem::path core_lease_file;
};

// With `spare_slots` the core lease has room for so many runners more, for MakeRunner.
ServePlan MakeServePlan(const ServeSettings& settings, const std::vector<RunnerSpec>& runners,
                        size_t spare_slots = 0);

// The process of one replica, and, as the first of its made_files, the socket it listens on.
// `slot` is its place in the core lease, and no other running process's.
ChildSpec MakeRunner(const ServeSettings& settings, const RunnerSpec& runner, int replica,
                     size_t slot);

// The second of a runner's made_files: its --ports_file.
std::filesystem::path PortsFileOf(const ChildSpec& runner);

// A gateway's runner, and the sockets of its replicas.
struct RunnerSockets {
  std::string name;
  std::vector<std::filesystem::path> sockets;
};
// The gateway's configuration file (YAML). `directory` is ServeSettings'.
std::string MakeGatewayConfig(const std::vector<RunnerSockets>& runners,
                              const std::filesystem::path& directory);

// Whether bind(2) and gRPC's "unix:" addresses accept socket paths in `directory`: short enough,
// and without characters that a URI must escape.
bool FitsSocketPath(const std::filesystem::path& directory);

}  // namespace chorus
