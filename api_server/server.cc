#include "api_server/server.h"

#include <glog/logging.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_builder.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "api_server/front/transcoding_handler.h"
#include "api_server/grpc_options.h"
#include "api_server/metrics_page.h"
#include "api_server/pages.h"
#include "api_server/protocols/open_inference/open_inference_handler.h"
#include "api_server/protocols/openai/openai_handler.h"
#include "api_server/protocols/tei/tei_handler.h"
#include "base/grpc/connection.h"
#include "base/grpc/listen.h"
#include "base/host_port.h"
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
// For what a reload brings to be connected, before it is said to be waited for.
constexpr absl::Duration kConnectTimeout = absl::Seconds(3);
// A gRPC message may carry a little more than an HTTP body of the same text.
constexpr int kMessageOverheadBytes = 64 << 10;

std::vector<std::string> NamesOf(const Executor::Runners& runners) {
  std::vector<std::string> names;
  for (const auto& [name, client] : runners) names.push_back(name);
  return names;
}

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
      max_timeout_(config.limits.max_timeout),
      metrics_(metrics_registry_, "chorus", CHORUS_VERSION, config.limits.max_timeout),
      admission_(config.limits.max_concurrent_requests),
      gate_(options.allow_anonymous, metrics_registry_),
      origins_({.is_loopback = IsLoopback(HostPort::Parse(options.http_address)->host),
                .hosts = options.allowed_hosts,
                .origins = options.allowed_origins}),
      workers_(std::make_unique<WorkerPool>(kNumWorkers)),
      readers_(std::make_unique<WorkerPool>(kNumReaders)),
      clients_(*workers_, [this] { OnHealthChange(); }) {}

absl::Status Server::Create() {
  if (options_.access_log) access_log_.emplace();
  gate_.SetKeys(options_.keys);
  RETURN_IF_ERROR(CreateExecutor());
  handler_ = std::make_unique<InferenceHandler>(*executor_, admission_, metrics_);
  handler_->Register(methods_);
  open_inference_ = std::make_unique<OpenInferenceService>(
      *handler_, *executor_,
      OpenInferenceService::Options{.version = CHORUS_VERSION,
                                    .is_ready = [this] { return WhyNotReady().empty(); }});
  open_inference_->Register(methods_);
  // HTTP binds first and serves last, so that a taken port is found before any call is accepted.
  RETURN_IF_ERROR(CreateHttp());
  RETURN_IF_ERROR(CreateGrpc());
  std::vector<std::string> services;
  for (const auto* service : methods_.services()) services.push_back(service->full_name());
  health_.Attach(*executor_, executor_->runners(), std::move(services),
                 *grpc_server_->GetHealthCheckService());
  http_server_->Start();
  return absl::OkStatus();
}

void Server::OnHealthChange() {
  health_.Update();
  { std::lock_guard lock(health_mutex_); }  // A waiting one has looked already, or will be woken.
  health_changed_.notify_all();
}

absl::Status Server::CreateExecutor() {
  ASSIGN_OR_RETURN(const Executor::Runners runners, clients_.Try(config_));
  clients_.Serve(config_);
  graph_metrics_ = std::make_unique<GraphMetrics>(metrics_registry_, NamesOf(runners),
                                                  config_.limits.max_timeout);
  all_metrics_.SetRunners(runners);
  executor_ = std::make_unique<Executor>(config_.graphs, runners, absl::Now, graph_metrics_.get(),
                                         workers_.get());
  return absl::OkStatus();
}

void Server::SetRunnerPages(const std::vector<Config::Runner>& runners) {
  if (!options_.runner_metrics) return;
  std::map<std::string, std::vector<std::string>> endpoints;
  for (const Config::Runner& runner : runners) endpoints[runner.name] = runner.endpoints;
  std::shared_ptr<RunnerPages> pages = std::make_shared<RunnerPages>(endpoints);
  std::lock_guard lock(pages_mutex_);
  runner_pages_.swap(pages);  // The old one goes with its last fetch.
}

absl::Status Server::CreateHttp() {
  SetRunnerPages(config_.runners);
  ASSIGN_OR_RETURN(std::unique_ptr<HttpHandler> transcoding,
                   TranscodingHandler::Create(methods_, readers_.get()));
  http_handlers_.push_back(
      MakePages({.why_not_ready = [this] { return WhyNotReady(); },
                 .write_metrics = [this](auto done) { WriteMetrics(std::move(done)); }}));
  http_handlers_.push_back(std::make_unique<OpenAiHandler>(*handler_, *executor_));
  http_handlers_.push_back(std::make_unique<TeiHandler>(*handler_, *executor_));
  http_handlers_.push_back(std::make_unique<OpenInferenceHandler>(*open_inference_));
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
  std::shared_ptr<RunnerPages> runner_pages;
  {
    std::lock_guard lock(pages_mutex_);
    runner_pages = runner_pages_;
  }
  if (runner_pages == nullptr) return std::move(done)(std::move(own));
  runner_pages->Fetch(absl::Now() + kRunnerMetricsTimeout,
                      [own = std::move(own), done = std::move(done)](
                          const std::vector<RunnerPages::Page>& pages) mutable {
                        std::move(done)(MergeMetricsPages(own, pages));
                      });
}

absl::Status Server::CreateGrpc() {
  grpc_front_ = std::make_unique<GrpcFront>(methods_, rules());
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  SetReflection(options_.reflection, builder);
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

std::vector<std::string> Server::WaitForRunners(const Config& config) {
  std::vector<std::string> lacks;
  std::unique_lock lock(health_mutex_);
  health_changed_.wait_for(lock, absl::ToChronoNanoseconds(kConnectTimeout), [&] {
    lacks = clients_.Lacks(config);
    return lacks.empty();
  });
  return lacks;
}

absl::Status Server::TryReload(const absl::StatusOr<Config>& config) {
  RETURN_IF_ERROR(config.status());
  RETURN_IF_ERROR(CheckCanSwitch(config_, *config));
  ASSIGN_OR_RETURN(const Executor::Runners runners, clients_.Try(*config));
  const std::vector<std::string> lacks = WaitForRunners(*config);
  if (lacks.empty()) {
    Take(*config, runners);
  } else {
    Wait(*config, lacks);
    reload_metrics_.CountError();
  }
  return absl::OkStatus();
}

void Server::Take(const Config& config, const Executor::Runners& runners) {
  // New runners came before what names them, and old ones go after it.
  graph_metrics_->AddRunners(NamesOf(runners));
  executor_->SetServed(config.graphs, runners);
  clients_.Serve(config);
  health_.SetRunners(runners);
  all_metrics_.SetRunners(clients_.all());  // Those that are served no more may still have calls.
  SetRunnerPages(config.runners);
  admission_.SetMaxInProgress(config.limits.max_concurrent_requests);
  max_timeout_.Set(config.limits.max_timeout);
  http_server_->SetMaxConnections(config.limits.max_connections);
  for (const std::string& wrong : executor_->WrongModels()) LOG(ERROR) << "as before: " << wrong;
  const std::vector<std::string> awaits = clients_.Awaits();
  LOG(INFO) << "reloaded graphs=" << absl::StrJoin(config.graphs, ",", AppendName)
            << (awaits.empty() ? "" : "; ") << absl::StrJoin(awaits, "; ");
  awaits_.clear();
  warns_at_ = absl::Now() + kConnectTimeout;
  reload_metrics_.CountOk();
  reload_metrics_.SetWaiting(false);
}

void Server::LogMoves() {
  if (absl::Now() < warns_at_) return;
  std::vector<std::string> awaits = clients_.Awaits();
  if (awaits == awaits_) return;
  if (awaits.empty()) LOG(INFO) << "every runner serves where the configuration says";
  for (const std::string& sentence : awaits) {
    LOG(WARNING) << "not yet as the configuration says: " << sentence;
  }
  awaits_ = std::move(awaits);
}

void Server::Wait(const Config& config, const std::vector<std::string>& lacks) {
  waiting_ = Waiting{config, lacks};
  reload_metrics_.SetWaiting(true);
  LOG(WARNING) << "the changed configuration waits, and all stays as it is: "
               << absl::StrJoin(lacks, "; ");
}

void Server::Reload(const absl::StatusOr<Config>& config) {
  waiting_.reset();
  clients_.Release();
  if (const absl::Status status = TryReload(config); !status.ok()) {
    clients_.Release();
    LOG(ERROR) << "the configuration is refused, and all stays as it is: " << status.message();
    reload_metrics_.SetWaiting(false);
    reload_metrics_.CountError();
  }
}

void Server::RetryReload() {
  LogMoves();
  if (!waiting_) return;
  const Config config = waiting_->config;
  // Again, since a runner that it was to share may have lost its replicas meanwhile.
  const absl::StatusOr<Executor::Runners> runners = clients_.Try(config);
  CHECK(runners.ok()) << runners.status();  // It could be tried before.
  const std::vector<std::string> lacks = clients_.Lacks(config);
  if (lacks.empty()) {
    waiting_.reset();
    Take(config, *runners);
  } else if (lacks != waiting_->lacks) {
    Wait(config, lacks);
  }
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
