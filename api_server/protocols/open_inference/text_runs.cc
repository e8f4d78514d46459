#include "api_server/protocols/open_inference/text_runs.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api_server/protocols/call_parts.h"
#include "api_server/protocols/fan_out.h"
#include "api_server/protocols/open_inference/parameters.h"
#include "base/error_details.h"
#include "base/status_macros.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus::gateway {
namespace {

// Texts of one request that run at once, and that all of it may write.
constexpr int kMostAtOnce = 32;
constexpr uint64_t kMostTexts = 2048;

template <typename Request>
absl::StatusOr<std::vector<Request>> ToRequests(const InferRequest& request, Request first) {
  RETURN_IF_ERROR(CheckInputs(request, {kTextInput}));
  RETURN_IF_ERROR(SetParameters(request.parameters, first));
  const std::vector<std::string>& texts = *FindInput(request, kTextInput);
  const uint64_t num_each = std::max<uint64_t>(first.num_return_sequences(), 1);
  if (texts.empty() || texts.size() > kMostTexts || num_each > kMostTexts / texts.size()) {
    return FieldError("text_input",
                      absl::StrCat("must have at least one text, and with num_return_sequences "
                                   "make at most ",
                                   kMostTexts, " in all: ", texts.size(), " times ", num_each));
  }
  std::vector<Request> requests(texts.size(), first);
  for (size_t i = 0; i < texts.size(); ++i) requests[i].set_text(texts[i]);
  return requests;
}

OutputTensor TensorOf(std::string name, OutputTensor::Values values) {
  const auto size = std::visit([](const auto& all) { return std::ssize(all); }, values);
  return {.name = std::move(name), .shape = {size}, .values = std::move(values)};
}

std::vector<OutputTensor> ToTensors(std::vector<v1::GenerateResponse>& responses) {
  std::vector<std::string> texts;
  for (v1::GenerateResponse& response : responses) {
    texts.push_back(std::move(*response.mutable_generated()));
    for (v1::GeneratedText& other : *response.mutable_others()) {
      texts.push_back(std::move(*other.mutable_generated()));
    }
  }
  std::vector<OutputTensor> tensors;
  tensors.push_back(TensorOf("text_output", std::move(texts)));
  return tensors;
}

std::vector<OutputTensor> ToTensors(std::vector<v1::RunGraphResponse>& responses) {
  std::vector<std::string> texts, labels;
  std::vector<double> scores;
  for (v1::RunGraphResponse& response : responses) {
    for (v1::ScoredText& result : *response.mutable_results()) {
      texts.push_back(std::move(*result.mutable_generated()));
      scores.push_back(result.score());
      labels.push_back(std::move(*result.mutable_label()));
    }
  }
  std::vector<OutputTensor> tensors;
  tensors.push_back(TensorOf("generated", std::move(texts)));
  tensors.push_back(TensorOf("score", std::move(scores)));
  tensors.push_back(TensorOf("label", std::move(labels)));
  return tensors;
}

template <typename Request, typename Response>
void RunAll(InferenceHandler& service, std::vector<Request> requests,
            absl::Status (InferenceHandler::*method)(Request, Call,
                                                     InferenceHandler::Done<Response>),
            Call call, OutputsDone done) {
  struct Run {
    std::vector<Request> requests;
    std::vector<Response> responses;
    Call call;
  };
  const auto num_calls = static_cast<int>(requests.size());
  const std::stop_token stop = call.stop;
  const auto run = std::make_shared<Run>();
  run->requests = std::move(requests);
  run->responses.resize(num_calls);
  run->call = std::move(call);
  FanOut(
      num_calls, kMostAtOnce, stop,
      [&service, method, run](int index, std::stop_token stop, CallDone ended) {
        Call part = PartOf(run->call, std::move(stop));
        const std::shared_ptr<ReplyNotes> notes = part.notes;
        return (service.*method)(
            std::move(run->requests[index]), std::move(part),
            [run, index, notes, ended = std::move(ended)](absl::StatusOr<Response> reply) mutable {
              AddNotes(*notes, *run->call.notes);
              absl::Status status = reply.status();
              if (reply.ok()) run->responses[index] = *std::move(reply);
              std::move(ended)(std::move(status));
            });
      },
      [run, done = std::move(done)](absl::Status status) mutable {
        if (!status.ok()) return std::move(done)(std::move(status));
        std::move(done)(ToTensors(run->responses));
      });
}

absl::StatusOr<std::vector<v1::GenerateRequest>> ToGenerateRequests(const InferRequest& request) {
  v1::GenerateRequest generate;
  generate.set_model(request.model);
  generate.set_echo(false);
  return ToRequests(request, std::move(generate));
}

absl::StatusOr<std::vector<v1::RunGraphRequest>> ToGraphRequests(const InferRequest& request) {
  v1::RunGraphRequest run;
  run.set_graph(request.model);
  run.set_details(true);
  return ToRequests(request, std::move(run));
}

// The one of a stream.
template <typename Request>
absl::StatusOr<Request> TheOnly(absl::StatusOr<std::vector<Request>> requests) {
  RETURN_IF_ERROR(requests.status());
  if (requests->size() == 1) return std::move(requests->front());
  return FieldError("text_input", "must have one text in a stream");
}

}  // namespace

absl::Status RunGenerator(InferenceHandler& service, const InferRequest& request, Call call,
                          OutputsDone done) {
  ASSIGN_OR_RETURN(std::vector<v1::GenerateRequest> requests, ToGenerateRequests(request));
  RunAll(service, std::move(requests), &InferenceHandler::Generate, std::move(call),
         std::move(done));
  return absl::OkStatus();
}

absl::Status RunGraph(InferenceHandler& service, const InferRequest& request, Call call,
                      OutputsDone done) {
  ASSIGN_OR_RETURN(std::vector<v1::RunGraphRequest> requests, ToGraphRequests(request));
  RunAll(service, std::move(requests), &InferenceHandler::RunGraph, std::move(call),
         std::move(done));
  return absl::OkStatus();
}

absl::Status StreamGenerator(InferenceHandler& service, const InferRequest& request, Call call,
                             std::shared_ptr<EventQueue> events) {
  ASSIGN_OR_RETURN(v1::GenerateRequest generate, TheOnly(ToGenerateRequests(request)));
  if (generate.echo()) return FieldError("echo", "must be false in a stream");
  return service.StreamGenerate(std::move(generate), std::move(call), std::move(events));
}

absl::Status StreamGraph(InferenceHandler& service, const InferRequest& request, Call call,
                         std::shared_ptr<EventQueue> events) {
  ASSIGN_OR_RETURN(v1::RunGraphRequest run, TheOnly(ToGraphRequests(request)));
  return service.StreamRunGraph(std::move(run), std::move(call), std::move(events));
}

}  // namespace chorus::gateway
