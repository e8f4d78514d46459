#include "cli/run/runner_session.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/grpc/connection.h"
#include "base/grpc/status.h"

namespace chorus {
namespace {

constexpr int kReconnectMs = 50;
constexpr std::chrono::milliseconds kLoadingPause(50);

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments = DirectChannelArguments();
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // The socket appears within a moment; gRPC's own second between tries would be felt.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// One call's context, cancelled by the token for as long as it lives.
class Call {
 public:
  explicit Call(std::stop_token stop) : on_stop_(std::move(stop), [this] { context.TryCancel(); }) {
    context.set_wait_for_ready(true);
  }
  grpc::ClientContext context;

 private:
  std::stop_callback<std::function<void()>> on_stop_;
};

// False if stopped meanwhile.
bool Pause(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any condition;
  std::unique_lock lock(mutex);
  condition.wait_for(lock, stop, kLoadingPause, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace

RunnerSession::RunnerSession(const std::string& address)
    : stub_(runner::v1::RunnerService::NewStub(MakeChannel(address))) {}

absl::StatusOr<runner::v1::GetModelInfoResponse> RunnerSession::WaitUntilReady(
    std::stop_token stop) {
  do {
    Call call(stop);
    runner::v1::GetModelInfoResponse response;
    const grpc::Status status = stub_->GetModelInfo(&call.context, {}, &response);
    if (status.ok()) return response;
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return FromGrpcStatus(status);
  } while (Pause(stop));
  return absl::CancelledError("stopped while the model was loading");
}

absl::StatusOr<v1::GenerationEnd> RunnerSession::Generate(
    const runner::v1::GenerateRequest& request,
    const std::function<bool(std::string_view)>& on_text, std::stop_token stop) {
  Call call(std::move(stop));
  const auto reader = stub_->Generate(&call.context, request);
  std::optional<v1::GenerationEnd> finished;
  for (runner::v1::GenerateResponse response; reader->Read(&response);) {
    if (response.has_finished()) finished = response.finished();
    if (response.has_delta() && !on_text(response.delta().text())) call.context.TryCancel();
  }
  if (const grpc::Status status = reader->Finish(); !status.ok()) return FromGrpcStatus(status);
  if (!finished) return absl::InternalError("the runner's answer has no end");
  return *finished;
}

absl::StatusOr<runner::v1::ClassifyResponse> RunnerSession::Classify(
    const runner::v1::ClassifyRequest& request, std::stop_token stop) {
  Call call(std::move(stop));
  runner::v1::ClassifyResponse response;
  const grpc::Status status = stub_->Classify(&call.context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

absl::StatusOr<runner::v1::EmbedResponse> RunnerSession::Embed(
    const runner::v1::EmbedRequest& request, std::stop_token stop) {
  Call call(std::move(stop));
  runner::v1::EmbedResponse response;
  const grpc::Status status = stub_->Embed(&call.context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

}  // namespace chorus
