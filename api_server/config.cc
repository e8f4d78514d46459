#include "api_server/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api_server/front/origin_rules.h"
#include "api_server/runners/endpoint_address.h"
#include "base/command_words.h"
#include "base/duration_buckets.h"
#include "base/host_port.h"
#include "base/names.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "config/yaml_proto.h"

namespace chorus::gateway {
namespace {

constexpr int64_t kMaxFileBytes = 16 << 20;

// Makes a Config from the protos, and collects their errors.
class Maker {
 public:
  void AddRunner(const config::v1::Runner& runner) {
    const std::string prefix = absl::StrCat("runner \"", runner.name(), "\": ");
    if (!IsName(runner.name())) {
      Error(prefix, "name must match ", kNameRule, ": \"", runner.name(), "\"");
    }
    if (!names_.insert(runner.name()).second) Error(prefix, "name must be unique");
    if (runner.endpoints().empty()) Error(prefix, "endpoints must name at least one replica");
    for (const std::string& endpoint : runner.endpoints()) {
      if (const absl::Status status = CheckEndpointAddress(endpoint); !status.ok()) {
        Error(prefix, status.message());
      }
    }
    config_.runners.push_back(
        {.name = runner.name(),
         .endpoints = {runner.endpoints().begin(), runner.endpoints().end()}});
  }

  // After the runners.
  void AddGraph(const config::v1::Graph& config) {
    auto graph = Graph::Create(config, names_);
    if (!graph.ok()) return Error(graph.status().message());
    for (const auto& other : config_.graphs) {
      if (other->name() == config.name()) {
        return Error("graph \"", config.name(), "\": name must be unique");
      }
    }
    config_.graphs.push_back(*std::move(graph));
  }

  void SetLimits(const config::v1::Limits& limits) {
    Config::Limits& out = config_.limits;
    SetLimit("max_body_bytes", limits.has_max_body_bytes(), limits.max_body_bytes(), 1 << 30,
             out.max_body_bytes);
    SetLimit("max_concurrent_requests", limits.has_max_concurrent_requests(),
             limits.max_concurrent_requests(), 1'000'000, out.max_concurrent_requests);
    SetLimit("max_connections", limits.has_max_connections(), limits.max_connections(), 1'000'000,
             out.max_connections);
    if (!limits.has_max_timeout()) return;
    out.max_timeout = absl::Seconds(limits.max_timeout().seconds()) +
                      absl::Nanoseconds(limits.max_timeout().nanos());
    if (out.max_timeout <= absl::ZeroDuration() || out.max_timeout > kLongestMaxTimeout) {
      Error("limits.max_timeout must be greater than 0 and at most 24h: ",
            absl::FormatDuration(out.max_timeout));
    }
  }

  absl::StatusOr<Config> Finish() {
    if (config_.runners.empty()) Error("runners must name at least one runner");
    if (errors_.empty()) return std::move(config_);
    return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
  }

 private:
  template <typename... Parts>
  void Error(const Parts&... parts) {
    errors_.push_back(absl::StrCat(parts...));
  }

  void SetLimit(const char* name, bool set, uint32_t value, uint32_t max, size_t& out) {
    if (!set) return;
    if (value < 1 || value > max) {
      Error("limits.", name, " must be from 1 to ", max, ": ", value);
    }
    out = value;
  }

  Config config_;
  absl::flat_hash_set<std::string> names_;  // Of the runners.
  std::vector<std::string> errors_;
};

// Of all configuration files, in the order of ConfigFiles::texts.
std::vector<std::string> PathsOf(const Flags& flags) {
  std::vector<std::string> paths = {flags.config_file};
  paths.insert(paths.end(), flags.graph_files.begin(), flags.graph_files.end());
  return paths;
}

void AddDuration(CLI::App& app, const std::string& name, absl::Duration& duration,
                 const std::string& help) {
  app.add_option_function<std::string>(
         name,
         [&duration, name](const std::string& text) {
           if (!absl::ParseDuration(text, &duration) || duration < absl::ZeroDuration() ||
               duration > absl::Hours(24)) {
             throw CLI::ValidationError(
                 name, "must be a duration from 0s to 24h with its unit, such as 30s: " + text);
           }
         },
         help)
      ->default_str(duration == absl::ZeroDuration() ? "0s" : absl::FormatDuration(duration))
      ->type_name("DURATION");
}

void CheckAddress(const std::string& flag, const std::string& address) {
  const absl::Status status = HostPort::Parse(address).status();
  if (!status.ok()) throw CLI::ValidationError(flag, std::string(status.message()));
}

// An address that other machines reach is not opened to all of them by mistake.
void CheckWhoMayCall(const Flags& flags) {
  if (!flags.api_keys_file.empty() || flags.allow_anonymous || !flags.check_health.empty()) return;
  for (const auto& [flag, address] : {std::pair("--http_address", flags.http_address),
                                      std::pair("--grpc_address", flags.grpc_address)}) {
    if (IsLoopback(HostPort::Parse(address)->host)) continue;
    throw CLI::ValidationError(
        flag, address +
                  " can be reached from other machines: --api_keys FILE says who may call, "
                  "--allow_anonymous lets everybody");
  }
}

}  // namespace

absl::StatusOr<std::optional<Flags>> ParseFlags(int argc, const char* const* argv) {
  Flags flags;
  CLI::App app("The gateway of Chorus: serves inference graphs over HTTP and gRPC.", "api_server");
  CLI::Option* config =
      app.add_option("--config", flags.config_file,
                     "YAML file: runners, graphs, limits (chorus.config.v1.Gateway); required")
          ->type_name("FILE");
  app.add_option("--graph", flags.graph_files,
                 "YAML file of one more graph (chorus.config.v1.Graph); may be repeated")
      ->allow_extra_args(false)
      ->type_name("FILE");
  app.add_flag("--reload,!--no-reload", flags.reload,
               "Take these files over when they change (on by default), or only upon SIGHUP; calls "
               "in progress end as they began, and files with a mistake change nothing");
  app.add_option("--http_address", flags.http_address,
                 "Where HTTP listens; port 0 takes a free one")
      ->capture_default_str()
      ->type_name("HOST:PORT");
  app.add_option("--grpc_address", flags.grpc_address,
                 "Where gRPC listens; port 0 takes a free one")
      ->capture_default_str()
      ->type_name("HOST:PORT");
  app.add_flag("--reflection,!--no-reflection", flags.reflection,
               "Serve gRPC reflection (on by default)");
  AddDuration(app, "--grpc_max_connection_age", flags.grpc.max_age,
              "Ask gRPC clients to connect anew after so long, so that new replicas of the gateway "
              "get calls too; 0s: never");
  AddDuration(app, "--grpc_max_connection_age_grace", flags.grpc.max_age_grace,
              "How long calls in progress may then go on before they are cut; 0s: until they end");
  AddDuration(app, "--grpc_keepalive_time", flags.grpc.keepalive_time,
              "Ping a gRPC client that has been silent so long; 0s: never");
  AddDuration(
      app, "--grpc_keepalive_timeout", flags.grpc.keepalive_timeout,
      "Cancel the calls of one that does not answer a ping for so long; 0s: gRPC's own 20s");
  app.add_option(
         "--grpc_max_concurrent_streams", flags.grpc.max_concurrent_streams,
         "Calls that one gRPC connection may have in progress; its others wait. 0: no bound")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_option(
         "--api_keys", flags.api_keys_file,
         "YAML file of the API keys that calls need (chorus.config.v1.ApiKeys), taken again "
         "when it changes")
      ->type_name("FILE");
  app.add_flag("--allow_anonymous", flags.allow_anonymous,
               "Let calls in that bring no key. An address that other machines reach takes this or "
               "--api_keys");
  app.add_option("--allow_origin", flags.allowed_origins,
                 "Origin whose web pages may call this server, such as https://app.example.com; *: "
                 "any. May be repeated")
      ->allow_extra_args(false)
      ->type_name("ORIGIN");
  app.add_option("--allow_host", flags.allowed_hosts,
                 "On loopback, a further name in the Host of requests, such as that which a proxy "
                 "passes on; *: any. May be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME");
  app.add_option("--io_threads", flags.io_threads, "Threads of the HTTP server")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_flag("--runner_metrics", flags.runner_metrics,
               "Put the runners' metrics on /metrics, too; for where nothing scrapes the runners "
               "themselves, and each endpoint is one process");
  AddDuration(app, "--drain_delay", flags.drain_delay,
              "Upon SIGTERM, how long to keep serving while reporting not ready");
  AddDuration(app, "--drain_timeout", flags.drain_timeout,
              "How long calls in progress may then go on before they are cancelled");
  AddDuration(app, "--keep_alive_timeout", flags.keep_alive_timeout,
              "How long an HTTP connection may wait for its next request; more than the proxies in "
              "front keep theirs");
  app.add_flag("--access_log,!--no-access_log", flags.access_log,
               "Write a line for each call to standard error (on by default)");
  app.add_option("--ports_file", flags.ports_file,
                 "Written once listening: the lines http=HOST:PORT and grpc=HOST:PORT")
      ->type_name("FILE");
  app.add_option("--check_health", flags.check_health,
                 "Only ask the server at this gRPC address whether it is ready; exit 0 if so, else "
                 "1")
      ->excludes(config)
      ->type_name("HOST:PORT");
  app.add_flag("--print_openapi", flags.print_openapi,
               "Check the files, print the API as OpenAPI, and exit");
  const CommandWords command = ReadCommandWords(app, argc, argv);
  try {
    ParseWords(app, command);
    if (flags.config_file.empty() && flags.check_health.empty()) {
      throw CLI::RequiredError("--config");
    }
    CheckAddress("--http_address", flags.http_address);
    CheckAddress("--grpc_address", flags.grpc_address);
    for (const std::string& origin : flags.allowed_origins) {
      const absl::Status status = CheckOriginName(origin);
      if (!status.ok()) throw CLI::ValidationError("--allow_origin", std::string(status.message()));
    }
    CheckWhoMayCall(flags);
  } catch (const CLI::Success&) {
    std::cout << app.help();
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(absl::StrCat(
        command.mistake.empty() ? error.what() : command.mistake, "; --help lists the flags"));
  }
  return flags;
}

absl::StatusOr<Config> MakeConfig(const config::v1::Gateway& gateway,
                                  const std::vector<config::v1::Graph>& graphs) {
  Maker maker;
  for (const config::v1::Runner& runner : gateway.runners()) maker.AddRunner(runner);
  for (const config::v1::Graph& graph : gateway.graphs()) maker.AddGraph(graph);
  for (const config::v1::Graph& graph : graphs) maker.AddGraph(graph);
  maker.SetLimits(gateway.limits());
  return maker.Finish();
}

ConfigFiles ReadConfigFiles(const Flags& flags) {
  ConfigFiles files;
  for (const std::string& path : PathsOf(flags)) {
    absl::StatusOr<std::string> text = ReadFileOrPipe(path, kMaxFileBytes);
    if (!text.ok()) {
      files.status = std::move(text).status();
      break;
    }
    files.texts.push_back(*std::move(text));
  }
  return files;
}

bool CanReadAgain(const Flags& flags) {
  const std::vector<std::string> paths = PathsOf(flags);
  return std::all_of(paths.begin(), paths.end(), [](const std::string& path) {
    std::error_code none;
    return std::filesystem::is_regular_file(path, none);
  });
}

absl::StatusOr<Config> ParseConfig(const Flags& flags, const ConfigFiles& files) {
  RETURN_IF_ERROR(files.status);
  config::v1::Gateway gateway;
  RETURN_IF_ERROR(ParseYaml(files.texts[0], flags.config_file, gateway));
  std::vector<config::v1::Graph> graphs(flags.graph_files.size());
  for (size_t i = 0; i < graphs.size(); ++i) {
    RETURN_IF_ERROR(ParseYaml(files.texts[i + 1], flags.graph_files[i], graphs[i]));
  }
  return MakeConfig(gateway, graphs);
}

absl::StatusOr<std::string> ReadKeysFile(const Flags& flags) {
  if (flags.api_keys_file.empty()) return "";
  return ReadFileOrPipe(flags.api_keys_file, kMaxFileBytes);
}

absl::StatusOr<std::shared_ptr<const KeyRing>> ParseKeys(const Flags& flags,
                                                         const std::string& text) {
  if (flags.api_keys_file.empty()) return nullptr;
  config::v1::ApiKeys keys;
  RETURN_IF_ERROR(ParseYaml(text, flags.api_keys_file, keys));
  absl::StatusOr<std::shared_ptr<const KeyRing>> ring = KeyRing::Create(keys);
  if (ring.ok()) return ring;
  return absl::InvalidArgumentError(
      absl::StrCat(flags.api_keys_file, ": ", ring.status().message()));
}

absl::Status CheckCanSwitch(const Config& running, const Config& next) {
  if (running.limits.max_body_bytes == next.limits.max_body_bytes) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("limits.max_body_bytes is another than at the start, which takes a restart: ",
                   next.limits.max_body_bytes));
}

}  // namespace chorus::gateway
