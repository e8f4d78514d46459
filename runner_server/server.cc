#include "runner_server/server.h"

#include <glog/logging.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/dtypes.h"
#include "base/grpc/connection.h"
#include "base/grpc/listen.h"
#include "base/host_port.h"
#include "base/replace_file.h"
#include "base/status_macros.h"
#include "runner_server/kernels/kernel_table.h"
#include "runner_server/model/compiled_model.h"
#include "runner_server/model/dtype.h"
#include "runner_server/model/find_executor.h"

namespace chorus::runner {
namespace {

constexpr int kKeepaliveMs = 2000;
// For the last messages of ended calls.
constexpr absl::Duration kFlushTimeout = absl::Seconds(2);

// A stopped process keeps its TCP connections, so both sides ping; and a second process on the port
// must fail.
void SetChannelArguments(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kKeepaliveMs / 2);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunnerServer>> RunnerServer::Listen(const RunnerFlags& flags) {
  std::unique_ptr<RunnerServer> server(new RunnerServer(flags));
  RETURN_IF_ERROR(server->ListenForCalls());
  RETURN_IF_ERROR(server->ServeStatusPages());
  RETURN_IF_ERROR(server->WritePorts(/*ready=*/false));
  LOG(INFO) << "event=listening model=" << flags.name << " grpc=" << server->address_
            << " metrics=" << server->metrics_address_;
  return server;
}

RunnerServer::RunnerServer(const RunnerFlags& flags)
    : flags_(flags),
      metrics_(flags.name, flags.version),
      service_(metrics_),
      served_(service_, metrics_) {}

RunnerServer::~RunnerServer() { Drain(absl::ZeroDuration()); }

absl::Status RunnerServer::ListenForCalls() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  SetChannelArguments(builder);
  RefuseCompressedMessages(builder);
  builder.SetMaxReceiveMessageSize(kMaxRunnerMessageBytes);
  ASSIGN_OR_RETURN(const std::unique_ptr<GrpcListener> listener,
                   GrpcListener::Add(flags_.address, builder));
  builder.RegisterService(&service_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || listener->port() == 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", flags_.address,
        ": is the address right, and no other process there? Choose another by --address"));
  }
  address_ = WithPort(flags_.address, listener->port());
  SetReady(false);
  server_->GetHealthCheckService()->SetServingStatus("liveness", true);
  return absl::OkStatus();
}

absl::Status RunnerServer::ServeStatusPages() {
  if (flags_.metrics_address.empty()) return absl::OkStatus();
  auto pages = StatusPages::Listen(
      flags_.metrics_address,
      {{.path = "/metrics",
        .content_type = "text/plain; version=0.0.4; charset=utf-8",
        .make = [this] { return metrics_.ToText(); }},
       {.path = "/debug/batcher", .content_type = "application/json", .make = [this] {
          return metrics_.trace().ToJson();
        }}});
  if (!pages.ok()) {
    return absl::Status(
        pages.status().code(),
        absl::StrCat("cannot serve metrics on ", flags_.metrics_address, ": ",
                     pages.status().message(),
                     "; choose another by --metrics_address, or none by --metrics_address="));
  }
  status_pages_ = *std::move(pages);
  metrics_address_ = WithPort(flags_.metrics_address, status_pages_->port());
  return absl::OkStatus();
}

absl::Status RunnerServer::WritePorts(bool ready) const {
  if (flags_.ports_file.empty()) return absl::OkStatus();
  std::string text = absl::StrCat("grpc=", address_, "\n");
  if (!metrics_address_.empty()) absl::StrAppend(&text, "metrics=", metrics_address_, "\n");
  if (ready) absl::StrAppend(&text, "ready=true\n");
  return ReplaceFile(flags_.ports_file, text);
}

absl::StatusOr<std::unique_ptr<ModelHost>> RunnerServer::LoadHost(const ModelFolder& folder) {
  std::optional<CoreLease::Options> core_lease;
  if (!flags_.core_lease.empty()) {
    core_lease = {
        .file = flags_.core_lease, .slot = flags_.core_lease_slot, .num_cores = flags_.threads};
  }
  ASSIGN_OR_RETURN(const std::optional<CompiledModel> compiled,
                   ReadCompiledModel(folder.directory));
  const bool needs_torch = compiled.has_value() && flags_.executor == "auto";
  ASSIGN_OR_RETURN(const Executor* executor,
                   FindExecutor(needs_torch ? "torch" : flags_.executor, flags_.device));
  Precision precision =
      compiled.has_value() ? compiled->precision : executor->auto_precision(flags_.device);
  if (flags_.dtype != kDtypes[0]) {
    ASSIGN_OR_RETURN(precision, ParseDtype(flags_.dtype));
  }
  std::optional<Pooling> pooling;
  if (flags_.pooling == "mean") pooling = Pooling::kMean;
  if (flags_.pooling == "cls") pooling = Pooling::kFirstToken;
  if (flags_.pooling == "pooler") pooling = Pooling::kPooler;
  ASSIGN_OR_RETURN(
      std::unique_ptr<ModelHost> host,
      ModelHost::Load({.directory = folder.directory,
                       .name = flags_.name,
                       .version = folder.version.empty() ? flags_.version : folder.version,
                       .executor = executor,
                       .device = flags_.device,
                       .memory_fraction = flags_.gpu_memory_fraction,
                       .precision = precision,
                       .untrained_head = flags_.untrained_head,
                       .pooling = pooling,
                       .native_code = flags_.native_code,
                       .num_threads = flags_.threads,
                       .core_lease = core_lease,
                       .max_sequences = flags_.max_sequences,
                       .max_step_tokens = flags_.max_step_tokens,
                       .target_step_time = flags_.target_step_time,
                       .kv_cache_bytes = flags_.kv_cache_bytes,
                       .queue = {.max_calls = flags_.max_queued_sequences,
                                 .max_tokens = flags_.max_queued_tokens}},
                      metrics_));
  if (!host->generation_warning().empty()) {
    LOG(WARNING) << "event=generation_settings model=" << flags_.name << ": "
                 << host->generation_warning();
  }
  if (!host->ignored_head().empty()) {
    LOG(WARNING) << "event=head_ignored model=" << flags_.name
                 << " architecture=" << host->ignored_head()
                 << ": the head of its task is not read";
  }
  if (host->engine().info().untrained_head()) {
    LOG(WARNING) << "event=untrained_head model=" << flags_.name
                 << " seed=" << *flags_.untrained_head
                 << ": THE CLASSIFICATION HEAD HAS RANDOM WEIGHTS, ITS SCORES MEAN NOTHING; train "
                    "the model on a task of yours, and serve that";
  }
  return host;
}

absl::Status RunnerServer::CheckUntrainedHead(const v1::GetModelInfoResponse& info) const {
  // Of the versions that --reload takes some may have a head.
  if (!flags_.untrained_head.has_value() || info.untrained_head() || flags_.reload) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--untrained_head: ", flags_.model, " (", info.architecture(), ") ",
      info.task() == v1::TASK_GENERATE ? "is a generator, which has no classification head"
                                       : "has a classification head of its own",
      "; leave the flag away"));
}

absl::Status RunnerServer::Load() {
  const absl::Time began_at = absl::Now();
  ModelFolder folder = LookAtModel(flags_.model);
  ASSIGN_OR_RETURN(std::unique_ptr<ModelHost> host, LoadHost(folder));
  RETURN_IF_ERROR(CheckUntrainedHead(host->engine().info()));
  served_.Serve(std::move(host));
  SetReady(true);
  RETURN_IF_ERROR(WritePorts(/*ready=*/true));
  if (RefusedKernels() != nullptr) {
    LOG(WARNING) << "event=kernels_refused reason=\"" << RefusedKernels() << "\"";
  }
  const runner::v1::GetModelInfoResponse info = served_.info();
  LOG(INFO) << "event=serving model=" << flags_.name << " architecture=" << info.architecture()
            << " dtype=" << info.dtype() << " dtype_flag=" << flags_.dtype
            << " executor=" << info.executor() << " device=" << info.device()
            << " kernels=" << (info.executor() == "native" ? Kernels().name : "libtorch")
            << " threads=" << flags_.threads
            << " load_seconds=" << absl::ToDoubleSeconds(absl::Now() - began_at);
  if (flags_.reload) {
    reloader_ = std::make_unique<ModelReloader>(
        ModelReloader::Options{
            .model = flags_.model,
            .name = flags_.name,
            .load = [this](const ModelFolder& changed) { return LoadHost(changed); }},
        std::move(folder), served_, metrics_);
  }
  return absl::OkStatus();
}

bool RunnerServer::LookForAnother() {
  if (reloader_ == nullptr) return false;
  reloader_->Ask();
  return true;
}

void RunnerServer::SetReady(bool ready) {
  grpc::HealthCheckServiceInterface& health = *server_->GetHealthCheckService();
  for (const std::string& name : {std::string(), std::string("readiness"),
                                  std::string("chorus.runner.v1.RunnerService"), flags_.name}) {
    health.SetServingStatus(name, ready);
  }
}

void RunnerServer::SetNotReady() {
  LOG(INFO) << "event=not_ready model=" << flags_.name;
  SetReady(false);
}

void RunnerServer::Drain(absl::Duration timeout) {
  if (server_ == nullptr) return;
  LOG(INFO) << "event=draining model=" << flags_.name
            << " timeout=" << absl::FormatDuration(timeout);
  SetReady(false);
  served_.Drain(absl::Now() + timeout);
  service_.WaitIdle(kFlushTimeout);
  // Only health watches are left, which do not end by themselves.
  server_->Shutdown(absl::ToChronoTime(absl::Now()));
  server_->Wait();
  server_ = nullptr;
  LOG(INFO) << "event=stopped model=" << flags_.name;
}

}  // namespace chorus::runner
