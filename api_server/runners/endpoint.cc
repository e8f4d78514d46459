#include "api_server/runners/endpoint.h"

#include <glog/logging.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>
#include <utility>

#include "base/grpc/connection.h"

namespace chorus::gateway {
namespace {

namespace pb = ::chorus::runner::v1;

// It is answered from memory.
constexpr std::chrono::seconds kAnswerPatience(5);

ModelTask FromProto(pb::Task task) {
  switch (task) {
    case pb::TASK_GENERATE:
      return ModelTask::kGenerate;
    case pb::TASK_CLASSIFY:
      return ModelTask::kClassify;
    case pb::TASK_EMBED:
      return ModelTask::kEmbed;
    default:
      return ModelTask::kUnknown;
  }
}

grpc::ChannelArguments ChannelArgs(int max_message_bytes) {
  grpc::ChannelArguments args = DirectChannelArguments();
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // The gateway retries itself.
  // A runner that returns is found within a second; gRPC's own backoff grows to two minutes.
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);  // Also how long one attempt may take.
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // A stopped process keeps its TCP connections: only an unanswered ping tells.
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 2000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 2000);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // No bound.
  // Each channel is its own connection, with its own backoff.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetMaxReceiveMessageSize(max_message_bytes);
  args.SetMaxSendMessageSize(max_message_bytes);
  return args;
}

}  // namespace

Endpoint::Endpoint(Options options)
    : options_(std::move(options)),
      channel_(grpc::CreateCustomChannel(options_.address, grpc::InsecureChannelCredentials(),
                                         ChannelArgs(options_.max_message_bytes))),
      stub_(chorus::runner::v1::RunnerService::NewStub(channel_)),
      watch_(channel_, {},
             [this](bool serving, const std::string& detail) { OnHealthChange(serving, detail); }) {
}

struct Endpoint::Question {
  grpc::ClientContext context;
  pb::GetModelInfoRequest request;
  pb::GetModelInfoResponse response;
};

Endpoint::~Endpoint() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
    DropQuestionLocked();
  }
  questions_.Wait();
}

ModelKind Endpoint::model() const {
  std::lock_guard lock(mutex_);
  return model_;
}

bool Endpoint::suits(ModelTask task) const {
  std::lock_guard lock(mutex_);
  return model_.suits(task);
}

void Endpoint::DropQuestionLocked() {
  if (question_ != nullptr) question_->context.TryCancel();
  question_.reset();
}

void Endpoint::OnHealthChange(bool healthy, const std::string& detail) {
  if (healthy) return AskForModel();
  {
    std::lock_guard lock(mutex_);
    DropQuestionLocked();
    serving_ = false;
  }
  Tell(false, detail);
}

void Endpoint::AskForModel() {
  auto question = std::make_shared<Question>();
  question->context.set_deadline(std::chrono::system_clock::now() + kAnswerPatience);
  std::lock_guard lock(mutex_);
  if (closing_) return;
  DropQuestionLocked();
  question_ = question;
  // gRPC never answers inline.
  stub_->async()->GetModelInfo(&question->context, &question->request, &question->response,
                               [this, question, ticket = std::shared_ptr(questions_.Enter())](
                                   const grpc::Status& status) { OnAnswer(*question, status); });
}

void Endpoint::OnAnswer(const Question& question, const grpc::Status& status) {
  {
    std::lock_guard lock(mutex_);
    if (question_.get() != &question) return;  // It is not healthy any more, or was asked again.
    question_.reset();
    model_ = {};
    if (status.ok()) {
      const pb::GetModelInfoResponse& told = question.response;
      model_ = {.task = FromProto(told.task()),
                .architecture = told.architecture(),
                .defaults = told.defaults(),
                .version = told.version(),
                .dtype = told.dtype(),
                .context_size = told.context_size(),
                .labels = {told.labels().begin(), told.labels().end()},
                .dimensions = told.dimensions(),
                .pooling = told.pooling()};
    }
    serving_ = true;
  }
  if (!status.ok()) {
    LOG(WARNING) << "runner replica does not say what model it has runner=" << options_.runner
                 << " endpoint=" << options_.address << " detail=\"" << status.error_message()
                 << "\"";
  }
  if (question.response.untrained_head()) {
    LOG(WARNING) << "runner replica scores with a head of random weights runner=" << options_.runner
                 << " endpoint=" << options_.address << ": its scores mean nothing";
  }
  Tell(true, question.response.architecture());
}

void Endpoint::Tell(bool serving, const std::string& detail) const {
  if (serving) {
    LOG(INFO) << "runner replica is serving runner=" << options_.runner
              << " endpoint=" << options_.address << " architecture=" << detail;
  } else {
    LOG(WARNING) << "runner replica is not serving runner=" << options_.runner
                 << " endpoint=" << options_.address << " detail=\"" << detail << "\"";
  }
  if (options_.on_health_change) options_.on_health_change();
}

}  // namespace chorus::gateway
