#pragma once

// api_server's flags, and the YAML files they name.
//
// Thread safety: free functions without state; the structs are plain values.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api_server/graph/graph.h"
#include "api_server/identity/key_ring.h"
#include "proto/chorus/config/v1/gateway.pb.h"
#include "proto/chorus/config/v1/graph.pb.h"

namespace chorus::gateway {

// How gRPC keeps its clients' connections.
struct GrpcConnections {
  absl::Duration max_age;        // After it clients are asked to reconnect. Zero: never.
  absl::Duration max_age_grace;  // Then for calls in progress. Zero: no limit.
  absl::Duration keepalive_time = absl::Seconds(10);    // Silence before a ping. Zero: no pings.
  absl::Duration keepalive_timeout = absl::Seconds(5);  // For its answer. Zero: gRPC's own.
  int max_concurrent_streams = 0;  // Calls of one connection at once; others wait. 0: no bound.
};

struct Flags {
  std::string config_file;
  std::vector<std::string> graph_files;
  bool reload = true;                           // When they change; else upon SIGHUP alone.
  std::string http_address = "127.0.0.1:3000";  // Port 0 takes a free one.
  std::string grpc_address = "127.0.0.1:50051";
  bool reflection = true;
  GrpcConnections grpc;
  std::string api_keys_file;     // Empty: no keys.
  bool allow_anonymous = false;  // Calls without a key, though there are keys or all may connect.
  std::vector<std::string> allowed_hosts, allowed_origins;  // As OriginRules's.
  int io_threads = 2;
  bool runner_metrics = false;  // Also on the gateway's page.
  absl::Duration drain_delay;   // Between "not ready" and refusing calls.
  absl::Duration drain_timeout = absl::Seconds(30);
  absl::Duration keep_alive_timeout = absl::Seconds(75);  // Of HTTP, between two requests.
  bool access_log = true;
  std::string ports_file;      // Empty: none.
  std::string check_health;    // The server whose health to check instead of serving. Empty: serve.
  bool print_openapi = false;  // Instead of serving.
};

// Nothing after --help, which has been printed. INVALID_ARGUMENT says what is wrong and how to list
// the flags.
absl::StatusOr<std::optional<Flags>> ParseFlags(int argc, const char* const* argv);

struct Config {
  struct Runner {
    std::string name;
    std::vector<std::string> endpoints;  // "host:port" or "unix:/path"; at least one.

    friend bool operator==(const Runner&, const Runner&) = default;
  };
  // Defaults and meanings as in chorus.config.v1.Limits.
  struct Limits {
    size_t max_body_bytes = 1 << 20;
    absl::Duration max_timeout = absl::Seconds(300);
    size_t max_concurrent_requests = 1024;
    size_t max_connections = 10'000;

    friend bool operator==(const Limits&, const Limits&) = default;
  };

  std::vector<Runner> runners;                       // Names are unique.
  std::vector<std::shared_ptr<const Graph>> graphs;  // Likewise; their runners are among `runners`.
  Limits limits;
};

// INVALID_ARGUMENT lists every error, a line each, with runner or graph, field and value.
absl::StatusOr<Config> MakeConfig(const config::v1::Gateway& gateway,
                                  const std::vector<config::v1::Graph>& graphs);

// The content of the files that the flags name.
struct ConfigFiles {
  absl::Status status;             // If one cannot be read; `texts` then ends before it.
  std::vector<std::string> texts;  // Of --config, then of each --graph.

  // False if reading failed for want of a resource, such as a descriptor, which says nothing about
  // the files.
  bool seen() const { return !absl::IsResourceExhausted(status); }

  friend bool operator==(const ConfigFiles&, const ConfigFiles&) = default;
};

ConfigFiles ReadConfigFiles(const Flags& flags);

// Whether all files can be read again; pipes cannot.
bool CanReadAgain(const Flags& flags);

// `files` are those of `flags`. Errors as ParseYaml and MakeConfig.
absl::StatusOr<Config> ParseConfig(const Flags& flags, const ConfigFiles& files);

// The keys of --api_keys; null without it. Errors as ReadFileOrPipe, ParseYaml and KeyRing::Create.
absl::StatusOr<std::string> ReadKeysFile(const Flags& flags);
absl::StatusOr<std::shared_ptr<const KeyRing>> ParseKeys(const Flags& flags,
                                                         const std::string& text);

// OK if a server started with `running` can switch to `next`: only limits.max_body_bytes must be
// the same. FAILED_PRECONDITION says so.
absl::Status CheckCanSwitch(const Config& running, const Config& next);

}  // namespace chorus::gateway
