#include "tests/cli/scripted_runner/scripted_runner_service.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/generation_params.h"

namespace chorus {
namespace {

using runner::v1::GenerateResponse;

bool Send(grpc::ServerWriter<GenerateResponse>* writer, const std::string& text) {
  GenerateResponse response;
  response.mutable_delta()->set_text(text);
  response.mutable_delta()->set_num_tokens(1);
  return writer->Write(response);
}

}  // namespace

grpc::Status ScriptedRunnerService::GetModelInfo(grpc::ServerContext*,
                                                 const runner::v1::GetModelInfoRequest*,
                                                 runner::v1::GetModelInfoResponse* response) {
  if (num_unavailable_-- > 0) return {grpc::StatusCode::UNAVAILABLE, "loading"};
  response->set_task(classifies_ ? runner::v1::TASK_CLASSIFY : runner::v1::TASK_GENERATE);
  return grpc::Status::OK;
}

grpc::Status ScriptedRunnerService::Generate(grpc::ServerContext* context,
                                             const runner::v1::GenerateRequest* request,
                                             grpc::ServerWriter<GenerateResponse>* writer) {
  if (request->text() == "refuse") return {grpc::StatusCode::INVALID_ARGUMENT, "refused: refuse"};
  if (request->text() == "hang") {
    Send(writer, " on");
    while (!context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    was_cancelled_ = true;
    return grpc::Status::CANCELLED;
  }
  v1::GenerationParams params = DefaultParams();
  Override(request->params(), params);
  Send(writer, absl::StrCat(" max ", params.max_length(), "/", params.max_new_tokens()));
  Send(writer, IsGreedy(params) ? " greedy" : " sampled");
  Send(writer,
       absl::StrCat(" t=", params.temperature(), " k=", params.top_k(), " p=", params.top_p()));
  if (params.min_p() != 0 || params.repetition_penalty() != 1) {
    Send(writer, absl::StrCat(" m=", params.min_p(), " r=", params.repetition_penalty()));
  }
  for (const std::string& stop : params.stop()) Send(writer, " stop=" + stop);
  if (params.ignore_eos()) Send(writer, " ignore_eos");
  if (params.split_special_tokens()) Send(writer, " split");
  if (request->sequence() != 0) Send(writer, absl::StrCat(" sequence=", request->sequence()));
  Send(writer, absl::StrCat(" seed=", params.seed()));
  if (request->text() == "cut") return grpc::Status::OK;
  GenerateResponse response;
  response.mutable_finished()->set_reason(v1::FINISH_REASON_LENGTH);
  response.mutable_finished()->set_prompt_tokens(1);
  response.mutable_finished()->set_generated_tokens(4);
  writer->Write(response);
  return grpc::Status::OK;
}

grpc::Status ScriptedRunnerService::Classify(grpc::ServerContext*,
                                             const runner::v1::ClassifyRequest* request,
                                             runner::v1::ClassifyResponse* response) {
  response->add_labels("NEGATIVE");
  response->add_labels("POSITIVE");
  for (const std::string& text : request->texts()) {
    const double positive = text == "good" ? 0.875 : 0.25;
    runner::v1::Classification* result = response->add_results();
    result->add_scores(1 - positive);
    result->add_scores(positive);
    result->set_text_tokens(static_cast<uint32_t>(text.size()));
    result->set_num_tokens(std::min(result->text_tokens(), 4u));
  }
  return grpc::Status::OK;
}

}  // namespace chorus
