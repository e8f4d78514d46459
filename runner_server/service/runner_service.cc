#include "runner_server/service/runner_service.h"

#include <mutex>
#include <shared_mutex>
#include <string>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "base/grpc/request.h"
#include "base/grpc/status.h"
#include "base/status_macros.h"
#include "runner_server/service/encoder_reactor.h"
#include "runner_server/service/generate_reactor.h"
#include "runner_server/service/tokenize.h"
#include "runner_server/service/tokenizer_reactor.h"

namespace chorus::runner {
namespace {

absl::Time Deadline(const grpc::CallbackServerContext& context) {
  return absl::FromChrono(context.deadline());
}

int IndexOf(const char* method) {
  return runner::v1::GenerateRequest::descriptor()
      ->file()
      ->FindServiceByName("RunnerService")
      ->FindMethodByName(method)
      ->index();
}

// A stream that ends before it begins.
template <typename Response>
class RefusedStream final : public grpc::ServerWriteReactor<Response> {
 public:
  explicit RefusedStream(const absl::Status& status) { this->Finish(ToGrpcStatus(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

RunnerService::RunnerService(RunnerMetrics& metrics) : metrics_(metrics) {
  Check("Generate", &RunnerService::Generate);
  Check("Classify", &RunnerService::Classify);
  Check("Embed", &RunnerService::Embed);
  Check("GetModelInfo", &RunnerService::GetModelInfo);
  Check("Tokenize", &RunnerService::Tokenize);
  Check("Detokenize", &RunnerService::Detokenize);
  Check("GetLoad", &RunnerService::GetLoad);
}

template <typename Request, typename Response>
void RunnerService::Check(const char* name,
                          grpc::ServerUnaryReactor* (RunnerService::*method)(
                              grpc::CallbackServerContext*, const Request*, Response*)) {
  const auto call = [this, method](grpc::CallbackServerContext* context,
                                   const Received<Request>* request,
                                   Response* response) -> grpc::ServerUnaryReactor* {
    if (!request->fault) return (this->*method)(context, &request->message, response);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpcStatus(request->fault->ToStatus()));
    return reactor;
  };
  MarkMethodCallback(IndexOf(name),
                     new grpc::internal::CallbackUnaryHandler<Received<Request>, Response>(call));
}

template <typename Request, typename Response>
void RunnerService::Check(const char* name,
                          grpc::ServerWriteReactor<Response>* (RunnerService::*method)(
                              grpc::CallbackServerContext*, const Request*)) {
  const auto call = [this, method](
                        grpc::CallbackServerContext* context,
                        const Received<Request>* request) -> grpc::ServerWriteReactor<Response>* {
    if (!request->fault) return (this->*method)(context, &request->message);
    return new RefusedStream<Response>(request->fault->ToStatus());
  };
  MarkMethodCallback(
      IndexOf(name),
      new grpc::internal::CallbackServerStreamingHandler<Received<Request>, Response>(call));
}

void RunnerService::SetEngine(Engine& engine) {
  const std::unique_lock lock(engine_mutex_);
  engine_ = &engine;
}

absl::StatusOr<Engine*> RunnerService::LoadedEngine() const {
  if (engine_ == nullptr) {
    return absl::UnavailableError("the runner is loading its model; retry later or elsewhere");
  }
  return engine_;
}

template <typename Stepper>
absl::StatusOr<EngineOf<Stepper>*> RunnerService::EngineFor(const char* method) const {
  ASSIGN_OR_RETURN(Engine * engine, LoadedEngine());
  if (auto* found = dynamic_cast<EngineOf<Stepper>*>(engine)) return found;
  const bool lacks_head = engine->info().task() == runner::v1::TASK_EMBED &&
                          std::is_same_v<Stepper, ClassificationStepper>;
  return absl::InvalidArgumentError(absl::StrCat(
      "model ", engine->info().name(), " (", engine->info().architecture(), ") is ",
      std::string(engine->what()), ", not ", method,
      lacks_head ? ": it has no classification head. Fine-tune it for your labels, or give its "
                   "runner --untrained_head SEED, for one whose scores mean nothing"
                 : ""));
}

grpc::ServerWriteReactor<runner::v1::GenerateResponse>* RunnerService::Generate(
    grpc::CallbackServerContext* context, const runner::v1::GenerateRequest* request) {
  const std::shared_lock lock(engine_mutex_);
  return new GenerateReactor(EngineFor<GenerationStepper>("Generate"), *request, Deadline(*context),
                             metrics_, calls_);
}

grpc::ServerUnaryReactor* RunnerService::Classify(grpc::CallbackServerContext* context,
                                                  const runner::v1::ClassifyRequest* request,
                                                  runner::v1::ClassifyResponse* response) {
  const std::shared_lock lock(engine_mutex_);
  return new EncoderReactor<ClassificationStepper>(
      "Classify", EngineFor<ClassificationStepper>("Classify"), *request, *response,
      Deadline(*context), metrics_, calls_);
}

grpc::ServerUnaryReactor* RunnerService::Embed(grpc::CallbackServerContext* context,
                                               const runner::v1::EmbedRequest* request,
                                               runner::v1::EmbedResponse* response) {
  const std::shared_lock lock(engine_mutex_);
  return new EncoderReactor<EmbeddingStepper>("Embed", EngineFor<EmbeddingStepper>("Embed"),
                                              *request, *response, Deadline(*context), metrics_,
                                              calls_);
}

grpc::ServerUnaryReactor* RunnerService::GetModelInfo(grpc::CallbackServerContext* context,
                                                      const runner::v1::GetModelInfoRequest*,
                                                      runner::v1::GetModelInfoResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const std::shared_lock lock(engine_mutex_);
  const absl::StatusOr<Engine*> engine = LoadedEngine();
  if (engine.ok()) *response = (*engine)->info();
  reactor->Finish(ToGrpcStatus(engine.status()));
  return reactor;
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* RunnerService::AnswerByTokenizer(
    const char* method, const Request* request, Response* response,
    absl::Status (*answer)(const Tokenizer&, const Request&, Response&)) {
  return new TokenizerReactor(
      method,
      [=, this]() -> absl::Status {
        const std::shared_lock lock(engine_mutex_);
        ASSIGN_OR_RETURN(Engine * engine, LoadedEngine());
        return answer(engine->tokenizer(), *request, *response);
      },
      tokenizer_thread_, metrics_, calls_);
}

grpc::ServerUnaryReactor* RunnerService::Tokenize(grpc::CallbackServerContext*,
                                                  const runner::v1::TokenizeRequest* request,
                                                  runner::v1::TokenizeResponse* response) {
  return AnswerByTokenizer("Tokenize", request, response, &runner::Tokenize);
}

grpc::ServerUnaryReactor* RunnerService::Detokenize(grpc::CallbackServerContext*,
                                                    const runner::v1::DetokenizeRequest* request,
                                                    runner::v1::DetokenizeResponse* response) {
  return AnswerByTokenizer("Detokenize", request, response, &runner::Detokenize);
}

grpc::ServerUnaryReactor* RunnerService::GetLoad(grpc::CallbackServerContext* context,
                                                 const runner::v1::GetLoadRequest*,
                                                 runner::v1::GetLoadResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const std::shared_lock lock(engine_mutex_);
  const absl::StatusOr<Engine*> engine = LoadedEngine();
  if (engine.ok()) *response = metrics_.load();
  reactor->Finish(ToGrpcStatus(engine.status()));
  return reactor;
}

grpc::ServerUnaryReactor* RunnerService::GetMetrics(grpc::CallbackServerContext* context,
                                                    const runner::v1::GetMetricsRequest*,
                                                    runner::v1::GetMetricsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  response->set_text(metrics_.ToText());
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace chorus::runner
