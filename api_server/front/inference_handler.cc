#include "api_server/front/inference_handler.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "api_server/front/rpc_status.h"
#include "base/status_macros.h"
#include "base/utf8.h"

namespace chorus {
namespace {

constexpr char kTutorialGraph[] = "inference_graph";
constexpr int kMaxTexts = 1024;

absl::Status CheckText(const std::string& field, std::string_view text) {
  const size_t bad = FindInvalidUtf8(text);
  if (bad == std::string_view::npos) return absl::OkStatus();
  return FieldError(field, absl::StrCat("must be UTF-8; it is not at byte ", bad));
}

// Checks the fields that the three generating requests share.
template <typename Request>
absl::StatusOr<GenerateOverrides> TakeOverrides(const Request& request) {
  RETURN_IF_ERROR(CheckText("text", request.text()));
  GenerateOverrides overrides;
  if (request.has_max_length()) overrides.max_length = request.max_length();
  if (request.has_max_new_tokens()) overrides.max_new_tokens = request.max_new_tokens();
  if (request.has_do_sample()) overrides.do_sample = request.do_sample();
  if (request.has_temperature()) overrides.temperature = request.temperature();
  if (request.has_top_k()) overrides.top_k = request.top_k();
  if (request.has_top_p()) overrides.top_p = request.top_p();
  if (request.has_seed()) overrides.seed = request.seed();
  if (overrides.max_length == 0u) return FieldError("max_length", "must be at least 1: 0");
  if (overrides.max_new_tokens == 0u) return FieldError("max_new_tokens", "must be at least 1: 0");
  if (const double value = overrides.temperature.value_or(1);
      !(value > 0 && std::isfinite(value))) {
    return FieldError("temperature", absl::StrCat("must be finite and greater than 0: ", value));
  }
  if (const double value = overrides.top_p.value_or(1); !(value > 0 && value <= 1)) {
    return FieldError("top_p", absl::StrCat("must be greater than 0 and at most 1: ", value));
  }
  return overrides;
}

absl::Status CheckTexts(const v1::ClassifyRequest& request) {
  if (request.texts_size() < 1 || request.texts_size() > kMaxTexts) {
    return FieldError(
        "texts", absl::StrCat("must have 1 to ", kMaxTexts, " entries: ", request.texts_size()));
  }
  for (int i = 0; i < request.texts_size(); ++i) {
    RETURN_IF_ERROR(CheckText(absl::StrCat("texts[", i, "]"), request.texts(i)));
  }
  return absl::OkStatus();
}

CallContext ToContext(Call call) {
  return {.deadline = call.deadline,
          .stop = std::move(call.stop),
          .request_id = std::move(call.request_id)};
}

v1::FinishReason ToProto(FinishReason reason) {
  return reason == FinishReason::kStop ? v1::FINISH_REASON_STOP : v1::FINISH_REASON_LENGTH;
}

// The index of the likeliest label.
size_t Top(const TextClassification& classification) {
  const auto& probabilities = classification.probabilities;
  return std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin();
}

v1::ScoredText ToProto(GraphResult result, bool details) {
  const size_t top = Top(result.classification);
  v1::ScoredText scored;
  scored.set_generated(std::move(result.generated));
  scored.set_score(result.classification.probabilities[top]);
  if (details) {
    scored.set_label(std::move(result.classification.labels[top]));
    scored.set_model(std::move(result.runner));
    scored.set_finish_reason(ToProto(result.finish_reason));
    scored.set_seed(result.seed);
  }
  return scored;
}

v1::Classification ToProto(TextClassification classification) {
  const size_t top = Top(classification);
  v1::Classification result;
  result.set_label(classification.labels[top]);
  result.set_score(classification.probabilities[top]);
  for (size_t i = 0; i < classification.labels.size(); ++i) {
    v1::LabelScore* score = result.add_scores();
    score->set_label(std::move(classification.labels[i]));
    score->set_score(classification.probabilities[i]);
  }
  return result;
}

void SetStatus(const GraphStatus::Node& node, v1::GraphNode& proto) {
  proto.set_healthy_replicas(static_cast<uint32_t>(node.replicas.healthy));
  proto.set_replicas(static_cast<uint32_t>(node.replicas.total));
  proto.set_in_flight(node.stats.in_flight);
  proto.set_recent_calls(node.stats.recent_calls);
  proto.set_recent_failures(node.stats.recent_failures);
  if (node.stats.p50) proto.set_p50_seconds(absl::ToDoubleSeconds(*node.stats.p50));
  if (node.stats.p99) proto.set_p99_seconds(absl::ToDoubleSeconds(*node.stats.p99));
}

v1::Graph ToProto(const GraphStatus& status) {
  const std::vector<Graph::Generator>& generators = status.graph->generators();
  v1::Graph graph;
  graph.set_name(status.graph->name());
  for (size_t i = 0; i < generators.size(); ++i) {
    v1::GraphNode& node = *graph.add_nodes();
    node.set_name(generators[i].name);
    node.set_kind(v1::NODE_KIND_GENERATE);
    node.set_runner(generators[i].runner);
    if (generators[i].input) node.add_inputs(generators[*generators[i].input].name);
    node.set_waiting(status.generators[i].stats.waiting);
    SetStatus(status.generators[i], node);
  }
  const Graph::Classifier& classifier = status.graph->classifier();
  v1::GraphNode& node = *graph.add_nodes();
  node.set_name(classifier.name);
  node.set_kind(v1::NODE_KIND_CLASSIFY);
  node.set_runner(classifier.runner);
  for (const int input : classifier.inputs) node.add_inputs(generators[input].name);
  SetStatus(status.classifier, node);
  return graph;
}

// The completion of a graph run: gives the permit back and makes the reply.
template <typename Response>
Executor::Done<std::vector<GraphResult>> ReplyWithScoredTexts(
    bool details, Admission::Permit permit, InferenceHandler::Done<Response> done) {
  return [details, permit = std::move(permit),
          done = std::move(done)](absl::StatusOr<std::vector<GraphResult>> results) mutable {
    { const Admission::Permit end = std::move(permit); }
    if (!results.ok()) return std::move(done)(std::move(results).status());
    Response response;
    for (GraphResult& result : *results) {
      *response.add_results() = ToProto(std::move(result), details);
    }
    std::move(done)(std::move(response));
  };
}

}  // namespace

InferenceHandler::InferenceHandler(Executor& executor, Admission& admission,
                                   RequestMetrics& metrics)
    : executor_(executor), admission_(admission), metrics_(metrics) {}

absl::StatusOr<Admission::Permit> InferenceHandler::Admit(const Call& call) {
  if (call.deadline <= absl::Now()) {
    metrics_.CountRejected(Rejection::kDeadline);
    return absl::DeadlineExceededError("the deadline had passed before the call could begin");
  }
  absl::StatusOr<Admission::Permit> permit = admission_.TryAcquire();
  if (!permit.ok()) {
    metrics_.CountRejected(absl::IsUnavailable(permit.status()) ? Rejection::kDraining
                                                                : Rejection::kAdmission);
  }
  return permit;
}

absl::Status InferenceHandler::ClassifyGeneratedTexts(
    v1::ClassifyGeneratedTextsRequest request, Call call,
    Done<v1::ClassifyGeneratedTextsResponse> done) {
  ASSIGN_OR_RETURN(const GenerateOverrides overrides, TakeOverrides(request));
  ASSIGN_OR_RETURN(Admission::Permit permit, Admit(call));
  return executor_.RunGraph(
      kTutorialGraph, std::move(*request.mutable_text()), overrides, ToContext(std::move(call)),
      ReplyWithScoredTexts(request.details(), std::move(permit), std::move(done)));
}

absl::Status InferenceHandler::RunGraph(v1::RunGraphRequest request, Call call,
                                        Done<v1::RunGraphResponse> done) {
  ASSIGN_OR_RETURN(const GenerateOverrides overrides, TakeOverrides(request));
  ASSIGN_OR_RETURN(Admission::Permit permit, Admit(call));
  return executor_.RunGraph(
      request.graph(), std::move(*request.mutable_text()), overrides, ToContext(std::move(call)),
      ReplyWithScoredTexts(request.details(), std::move(permit), std::move(done)));
}

absl::Status InferenceHandler::Generate(v1::GenerateRequest request, Call call,
                                        Done<v1::GenerateResponse> done) {
  ASSIGN_OR_RETURN(const GenerateOverrides overrides, TakeOverrides(request));
  ASSIGN_OR_RETURN(Admission::Permit permit, Admit(call));
  return executor_.Generate(
      request.model(), std::move(*request.mutable_text()), overrides, ToContext(std::move(call)),
      [permit = std::move(permit),
       done = std::move(done)](absl::StatusOr<GenerateResult> result) mutable {
        { const Admission::Permit end = std::move(permit); }
        if (!result.ok()) return std::move(done)(std::move(result).status());
        v1::GenerateResponse response;
        response.set_generated(std::move(result->generated));
        response.set_finish_reason(ToProto(result->end.reason));
        response.set_prompt_tokens(result->end.prompt_tokens);
        response.set_generated_tokens(result->end.generated_tokens);
        response.set_seed(result->seed);
        std::move(done)(std::move(response));
      });
}

absl::Status InferenceHandler::Classify(v1::ClassifyRequest request, Call call,
                                        Done<v1::ClassifyResponse> done) {
  RETURN_IF_ERROR(CheckTexts(request));
  ASSIGN_OR_RETURN(Admission::Permit permit, Admit(call));
  std::vector<std::string> texts(std::make_move_iterator(request.mutable_texts()->begin()),
                                 std::make_move_iterator(request.mutable_texts()->end()));
  return executor_.Classify(request.model(), std::move(texts), ToContext(std::move(call)),
                            [permit = std::move(permit), done = std::move(done)](
                                absl::StatusOr<std::vector<TextClassification>> results) mutable {
                              { const Admission::Permit end = std::move(permit); }
                              if (!results.ok())
                                return std::move(done)(std::move(results).status());
                              v1::ClassifyResponse response;
                              for (TextClassification& result : *results) {
                                *response.add_results() = ToProto(std::move(result));
                              }
                              std::move(done)(std::move(response));
                            });
}

absl::Status InferenceHandler::ListGraphs(v1::ListGraphsRequest, Call,
                                          Done<v1::ListGraphsResponse> done) {
  v1::ListGraphsResponse response;
  for (const std::string& name : executor_.GraphNames()) {
    ASSIGN_OR_RETURN(const GraphStatus status, executor_.DescribeGraph(name));
    *response.add_graphs() = ToProto(status);
  }
  std::move(done)(std::move(response));
  return absl::OkStatus();
}

absl::Status InferenceHandler::GetGraph(v1::GetGraphRequest request, Call, Done<v1::Graph> done) {
  ASSIGN_OR_RETURN(const GraphStatus status, executor_.DescribeGraph(request.graph()));
  std::move(done)(ToProto(status));
  return absl::OkStatus();
}

void InferenceHandler::Register(MethodRegistry& registry) {
  const auto add = [&]<typename Request, typename Response>(
                       const char* name,
                       absl::Status (InferenceHandler::*method)(Request, Call, Done<Response>)) {
    registry.Add<Request, Response>(
        absl::StrCat("chorus.v1.InferenceService.", name),
        [this, method](Request request, Call call, Done<Response> done) {
          return (this->*method)(std::move(request), std::move(call), std::move(done));
        });
  };
  add("ClassifyGeneratedTexts", &InferenceHandler::ClassifyGeneratedTexts);
  add("RunGraph", &InferenceHandler::RunGraph);
  add("Generate", &InferenceHandler::Generate);
  add("Classify", &InferenceHandler::Classify);
  add("ListGraphs", &InferenceHandler::ListGraphs);
  add("GetGraph", &InferenceHandler::GetGraph);
}

}  // namespace chorus
