#pragma once

// `chorus serve`: runs a graph on this machine as supervised child processes.
//
// Thread safety: none; takes over signals and forks, so no other thread may run.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace CLI {
class App;
}

namespace chorus {

struct ServeOptions {
  std::string bundle;  // Tag of a bundle, or the path of a chorusfile or its folder. Empty: the
                       // graph and models below; else those of the bundle or file.
  std::string host = "127.0.0.1";
  int port = 3000;              // 0: any free one.
  int grpc_port = 50051;        // Likewise.
  std::filesystem::path graph;  // Empty: the tutorial's.
  std::vector<std::string>
      models;                      // "RUNNER=MODEL": instead of the runner's namesake in the store.
  std::vector<std::string> only;   // Runners; empty: all. Graphs that need others are not served.
  std::vector<std::string> also;   // "NAME=MODEL": further models, which the graph does not name.
  bool also_may_be_named = false;  // The graph may: it came by a reload.
  std::vector<std::string> dtypes;  // "DTYPE" for all, or "RUNNER=DTYPE".
  // Of classifiers whose model has no classification head, as runner_server's.
  std::optional<uint64_t> untrained_head;
  std::string native_code;  // As runner_server's, of models that are folders.
  std::optional<int> num_threads;
  std::vector<std::string> runner_flags;  // Further ones of each runner: "--max_sequences", "8".
  // Further ones of the gateway: "--api_keys", "keys.yaml". One of these two is needed to listen on
  // an address that other machines reach.
  std::vector<std::string> gateway_flags;
  absl::Duration drain_timeout = absl::Seconds(30);
  bool access_log = true;   // A line a call.
  bool keep_going = false;  // Serve also if some models cannot be loaded.
  bool reload = false;      // Take over what changes of graph, models, bundle and chorusfile.
};

// Blocks. The exit status, once stopped, or why it could not start.
absl::StatusOr<int> Serve(const ServeOptions& options);

// Adds the verb; its outcome goes to `exit_status`.
void AddServeVerb(CLI::App& app, int& exit_status);

}  // namespace chorus
