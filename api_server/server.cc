#include "api_server/server.h"

#include <glog/logging.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "api_server/front/transcoding_handler.h"
#include "api_server/metrics_page.h"
#include "api_server/pages.h"
#include "api_server/runners/grpc_runner_client.h"
#include "base/grpc/connection.h"
#include "base/grpc/listen.h"
#include "base/ports_file.h"
#include "base/status_macros.h"
#include "prometheus/text_serializer.h"

namespace chorus::gateway {
namespace {

// For replies still being sent after the calls have ended.
constexpr absl::Duration kFlushTime = absl::Seconds(1);
// That write large replies; also how many are in memory as messages and as JSON at once.
constexpr int kNumWorkers = 2;
constexpr int kNumReaders = 1;  // Of large HTTP requests.
// For a runner to return its metrics; well below Prometheus' default scrape timeout of ten seconds.
constexpr absl::Duration kRunnerMetricsTimeout = absl::Seconds(1);
// A gRPC message may carry a little more than an HTTP body of the same text.
constexpr int kMessageOverheadBytes = 64 << 10;

int ToMilliseconds(absl::Duration duration) {
  return static_cast<int>(
      std::min<int64_t>(absl::ToInt64Milliseconds(duration), std::numeric_limits<int>::max()));
}

void SetConnections(const GrpcConnections& options, grpc::ServerBuilder& builder) {
  const auto set = [&](const char* argument, absl::Duration duration) {
    if (duration > absl::ZeroDuration()) {
      builder.AddChannelArgument(argument, std::max(ToMilliseconds(duration), 1));
    }
  };
  set(GRPC_ARG_MAX_CONNECTION_AGE_MS, options.max_age);
  set(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, options.max_age_grace);
  // gRPC's default is two hours.
  const bool pings = options.keepalive_time > absl::ZeroDuration();
  set(GRPC_ARG_KEEPALIVE_TIME_MS, pings ? options.keepalive_time : absl::InfiniteDuration());
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, options.keepalive_timeout);
  if (options.max_concurrent_streams > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams);
  }
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1'000);
}

// Linking gRPC's reflection plugin adds it to every server of the process, so it is removed where
// it is not wanted.
class ReflectionOption final : public grpc::ServerBuilderOption {
 public:
  explicit ReflectionOption(bool wanted) : wanted_(wanted) {}

  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    auto wanted = std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>();
    std::erase_if(*plugins, [&](const auto& plugin) { return plugin->name() == wanted->name(); });
    if (wanted_) plugins->push_back(std::move(wanted));
  }

 private:
  const bool wanted_;
};

void AppendName(std::string* out, const std::shared_ptr<const Graph>& graph) {
  out->append(graph->name());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options,
                                                      const Config& config) {
  std::unique_ptr<Server> server(new Server(options, config));
  RETURN_IF_ERROR(server->Create());
  return server;
}

Server::Server(const Options& options, const Config& config)
    : options_(options),
      config_(config),
      metrics_(metrics_registry_, "chorus", CHORUS_VERSION, config.limits.max_timeout),
      admission_(config.limits.max_concurrent_requests),
      workers_(std::make_unique<WorkerPool>(kNumWorkers)),
      readers_(std::make_unique<WorkerPool>(kNumReaders)) {}

absl::Status Server::Create() {
  if (options_.access_log) access_log_.emplace();
  RETURN_IF_ERROR(CreateExecutor());
  handler_ = std::make_unique<InferenceHandler>(*executor_, admission_, metrics_);
  handler_->Register(methods_);
  // HTTP binds first and serves last, so that a taken port is found before any call is accepted.
  RETURN_IF_ERROR(CreateHttp());
  RETURN_IF_ERROR(CreateGrpc());
  std::vector<std::string> services;
  for (const auto* service : methods_.services()) services.push_back(service->full_name());
  health_.Attach(*executor_, runners_, std::move(services), *grpc_server_->GetHealthCheckService());
  http_server_->Start();
  return absl::OkStatus();
}

absl::Status Server::CreateExecutor() {
  for (const Config::Runner& runner : config_.runners) {
    auto client = GrpcRunnerClient::Create({.name = runner.name,
                                            .endpoints = runner.endpoints,
                                            .workers = workers_.get(),
                                            .on_health_change = [this] { health_.Update(); }});
    if (!client.ok()) {
      return absl::Status(client.status().code(), absl::StrCat("runner \"", runner.name,
                                                               "\": ", client.status().message()));
    }
    runners_.emplace(runner.name, *std::move(client));
  }
  std::vector<std::string> names;
  for (const auto& [name, client] : runners_) names.push_back(name);
  graph_metrics_ =
      std::make_unique<GraphMetrics>(metrics_registry_, names, config_.limits.max_timeout);
  executor_ = std::make_unique<Executor>(config_.graphs, runners_, absl::Now, graph_metrics_.get(),
                                         workers_.get());
  return absl::OkStatus();
}

absl::Status Server::CreateHttp() {
  if (options_.runner_metrics) {
    std::map<std::string, std::vector<std::string>> endpoints;
    for (const Config::Runner& runner : config_.runners) endpoints[runner.name] = runner.endpoints;
    runner_pages_ = std::make_unique<RunnerPages>(endpoints);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<HttpHandler> transcoding,
                   TranscodingHandler::Create(methods_, readers_.get()));
  http_handlers_.push_back(
      MakePages({.why_not_ready = [this] { return WhyNotReady(); },
                 .write_metrics = [this](auto done) { WriteMetrics(std::move(done)); }}));
  http_handlers_.push_back(std::move(transcoding));
  HttpServer::Options options{.address = options_.http_address,
                              .num_io_threads = options_.io_threads};
  options.limits.max_body_bytes = config_.limits.max_body_bytes;
  options.limits.max_connections = config_.limits.max_connections;
  options.limits.keep_alive_timeout = options_.keep_alive_timeout;
  ASSIGN_OR_RETURN(http_server_, HttpServer::Create(options, http_handlers_, rules()));
  http_address_ = WithPort(options_.http_address, http_server_->port());
  return absl::OkStatus();
}

void Server::WriteMetrics(absl::AnyInvocable<void(std::string) &&> done) const {
  std::string own = prometheus::TextSerializer().Serialize(all_metrics_.Collect());
  if (runner_pages_ == nullptr) return std::move(done)(std::move(own));
  runner_pages_->Fetch(absl::Now() + kRunnerMetricsTimeout,
                       [own = std::move(own), done = std::move(done)](
                           const std::vector<RunnerPages::Page>& pages) mutable {
                         std::move(done)(MergeMetricsPages(own, pages));
                       });
}

absl::Status Server::CreateGrpc() {
  grpc_front_ = std::make_unique<GrpcFront>(methods_, rules());
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.SetOption(std::make_unique<ReflectionOption>(options_.reflection));
  ASSIGN_OR_RETURN(const std::unique_ptr<GrpcListener> listener,
                   GrpcListener::Add(options_.grpc_address, builder));
  // Otherwise a second server on the port would silently take half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(static_cast<int>(config_.limits.max_body_bytes) +
                                   kMessageOverheadBytes);
  SetConnections(options_.grpc, builder);
  RefuseCompressedMessages(builder);
  grpc_front_->AddTo(builder);
  grpc_server_ = builder.BuildAndStart();
  if (grpc_server_ == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen for gRPC on ", options_.grpc_address));
  }
  grpc_address_ = WithPort(options_.grpc_address, listener->port());
  return absl::OkStatus();
}

std::string Server::WhyNotReady() const {
  if (draining_) return "The server is draining.";
  std::vector<std::string> reasons = executor_->WrongModels();
  if (!executor_->UnhealthyRunners().empty()) {
    reasons.insert(reasons.begin(), "Runners are not ready.");
  }
  return absl::StrJoin(reasons, "\n");
}

absl::Status Server::CheckModels(const Executor::Graphs& graphs) const {
  const std::vector<std::string> before = executor_->WrongModels();
  std::vector<std::string> wrong = executor_->WrongModels(graphs);
  std::erase_if(wrong, [&](const std::string& sentence) {
    return std::binary_search(before.begin(), before.end(), sentence);
  });
  if (wrong.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrJoin(wrong, "\n"));
}

void Server::Reload(const absl::StatusOr<Config>& config) {
  absl::Status status = config.status();
  if (status.ok()) status = CheckOnlyGraphsDiffer(config_, *config);
  if (status.ok()) status = CheckModels(config->graphs);
  if (!status.ok()) {
    LOG(ERROR) << "the configuration is refused, and the graphs stay as they are: "
               << status.message();
    return reload_metrics_.CountError();
  }
  executor_->SetGraphs(config->graphs);
  for (const std::string& wrong : executor_->WrongModels()) LOG(ERROR) << "as before: " << wrong;
  health_.Update();
  LOG(INFO) << "reloaded graphs=" << absl::StrJoin(config->graphs, ",", AppendName);
  reload_metrics_.CountOk();
}

void Server::Drain() {
  draining_ = true;
  health_.SetDraining();
  LOG(INFO) << "draining drain_delay=" << options_.drain_delay
            << " drain_timeout=" << options_.drain_timeout;
  absl::SleepFor(options_.drain_delay);
  admission_.Close();
  const absl::Time deadline = absl::Now() + options_.drain_timeout;
  if (const absl::Status status = http_server_->Drain(deadline); !status.ok()) {
    LOG(WARNING) << "HTTP calls were cancelled: " << status.message();
  }
  const bool idle = executor_->WaitUntilIdle(deadline);
  if (!idle) LOG(WARNING) << "cancelling the calls that drain_timeout was too short for";
  grpc_server_->Shutdown(
      absl::ToChronoTime(absl::Now() + (idle ? kFlushTime : absl::ZeroDuration())));
  LOG(INFO) << "drained";
}

Server::~Server() {
  http_server_.reset();
  readers_.reset();
  health_.Detach();
  // Null where Start has failed half-way.
  if (grpc_server_ != nullptr) grpc_server_->Shutdown(absl::ToChronoTime(absl::Now()));
  grpc_server_.reset();
  executor_.reset();
  workers_.reset();
}

}  // namespace chorus::gateway
