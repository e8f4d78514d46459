#include "api_server/front/inference_handler.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <type_traits>
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

// Takes the fields that the three generating requests share, and checks them.
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
  if (request.has_min_p()) overrides.min_p = request.min_p();
  if (request.has_repetition_penalty()) {
    overrides.repetition_penalty = request.repetition_penalty();
  }
  overrides.stop = {request.stop().begin(), request.stop().end()};
  if (request.has_ignore_eos()) overrides.ignore_eos = request.ignore_eos();
  if (request.has_seed()) overrides.seed = request.seed();
  if (request.has_num_return_sequences()) {
    overrides.num_return_sequences = request.num_return_sequences();
  }
  if constexpr (std::is_same_v<Request, v1::GenerateRequest>) {
    if (request.has_logprobs()) overrides.top_logprobs = request.logprobs();
  }
  if (const std::vector<FieldProblem> problems = CheckRanges(overrides); !problems.empty()) {
    return FieldError(problems[0].field, problems[0].problem);
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
  switch (reason) {
    case FinishReason::kStop:
      return v1::FINISH_REASON_STOP;
    case FinishReason::kLength:
      return v1::FINISH_REASON_LENGTH;
    case FinishReason::kStopString:
      return v1::FINISH_REASON_STOP_STRING;
  }
  return v1::FINISH_REASON_UNSPECIFIED;
}

template <typename Proto>
void FillToken(const TokenLogprob& logprob, Proto& proto) {
  proto.set_id(logprob.id);
  proto.set_text(logprob.text);
  proto.set_logprob(logprob.logprob);
}

void AddTo(const std::vector<TokenLogprob>& logprobs, v1::Logprobs& proto) {
  for (const TokenLogprob& logprob : logprobs) {
    v1::TokenLogprob& token = *proto.add_tokens();
    FillToken(logprob, token);
    for (const TokenLogprob& top : logprob.top) FillToken(top, *token.add_top());
  }
}

// `text` has ended; its score is told of where it has one.
v1::Timing TimingOf(const GraphResult& text) {
  v1::Timing timing;
  timing.set_queue(absl::ToDoubleSeconds(text.end.queue_time));
  timing.set_prefill(absl::ToDoubleSeconds(text.end.prefill_time));
  timing.set_decode(absl::ToDoubleSeconds(text.end.decode_time));
  timing.set_mean_batch_size(text.end.mean_batch_size);
  if (!text.classification.labels.empty()) {
    timing.set_classify(absl::ToDoubleSeconds(text.classify_time));
    timing.set_classify_batch_size(text.classification.max_batch_size);
  }
  timing.set_prompt_tokens(text.end.prompt_tokens);
  timing.set_generated_tokens(text.end.generated_tokens);
  return timing;
}

// The index of the likeliest label.
size_t Top(const TextClassification& classification) {
  const auto& probabilities = classification.probabilities;
  return std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin();
}

template <typename Request>
v1::ScoredText ToScoredText(GraphResult result, const Request& request) {
  const size_t top = Top(result.classification);
  v1::ScoredText scored;
  if (request.explain()) *scored.mutable_timing() = TimingOf(result);
  scored.set_generated(std::move(result.generated));
  scored.set_score(result.classification.probabilities[top]);
  if (request.details()) {
    scored.set_label(std::move(result.classification.labels[top]));
    scored.set_model(std::move(result.runner));
    scored.set_finish_reason(ToProto(result.end.reason));
    scored.set_seed(result.seed);
  }
  return scored;
}

// What GenerateResponse and GeneratedText have both.
template <typename Proto>
void FillText(const GraphResult& result, const v1::GenerateRequest& request, Proto& proto) {
  const bool echo = !request.has_echo() || request.echo();
  proto.set_generated(echo ? result.generated : result.generated.substr(result.prompt_bytes));
  proto.set_finish_reason(ToProto(result.end.reason));
  proto.set_generated_tokens(result.end.generated_tokens);
  if (request.has_logprobs()) AddTo(result.logprobs, *proto.mutable_logprobs());
  if (request.explain()) *proto.mutable_timing() = TimingOf(result);
}

v1::GenerateResponse ToGenerateResponse(const std::vector<GraphResult>& results,
                                        const v1::GenerateRequest& request) {
  v1::GenerateResponse response;
  FillText(results[0], request, response);
  response.set_prompt_tokens(results[0].end.prompt_tokens);
  response.set_seed(results[0].seed);
  for (size_t i = 1; i < results.size(); ++i) {
    FillText(results[i], request, *response.add_others());
  }
  return response;
}

// Puts what it hears of a run into a stream.
class StreamingListener final : public GraphListener {
 public:
  StreamingListener(std::shared_ptr<EventQueue> events, bool explain)
      : events_(std::move(events)), explain_(explain) {}

  void OnText(const TextId& id, TextDelta delta) override {
    v1::StreamEvent event;
    v1::TokenEvent& token = *event.mutable_token();
    SetId(id, token);
    token.set_text(std::move(delta.text));
    token.set_num_tokens(delta.num_tokens);
    if (!delta.logprobs.empty()) AddTo(delta.logprobs, *token.mutable_logprobs());
    events_->Push(std::move(event));
  }

  void OnGenerated(const TextId& id, const GraphResult& text) override {
    v1::StreamEvent event;
    v1::TokenEvent& token = *event.mutable_token();
    SetId(id, token);
    token.set_text("");
    token.set_num_tokens(0);
    token.set_finish_reason(ToProto(text.end.reason));
    events_->Push(std::move(event));
  }

  void OnScored(const TextId& id, const GraphResult& text) override {
    v1::StreamEvent event;
    v1::ScoreEvent& score = *event.mutable_score();
    SetId(id, score);
    const size_t top = Top(text.classification);
    score.set_score(text.classification.probabilities[top]);
    score.set_label(text.classification.labels[top]);
    if (explain_) *score.mutable_timing() = TimingOf(text);
    events_->Push(std::move(event));
  }

 private:
  template <typename Event>
  static void SetId(const TextId& id, Event& event) {
    if (id.index.has_value()) event.set_index(static_cast<uint32_t>(*id.index));
    event.set_branch(id.branch);
  }

  const std::shared_ptr<EventQueue> events_;
  const bool explain_;
};

// The completion of a streamed run: gives the permit back and closes the stream.
Executor::Done<std::vector<GraphResult>> EndStream(Admission::Permit permit,
                                                   std::shared_ptr<EventQueue> events) {
  return [permit = std::move(permit),
          events = std::move(events)](absl::StatusOr<std::vector<GraphResult>> results) mutable {
    { const Admission::Permit end = std::move(permit); }
    if (!results.ok()) return events->End(results.status());
    v1::StreamEvent event;
    v1::DoneEvent& done = *event.mutable_done();
    uint32_t prompt_tokens = 0, generated_tokens = 0;
    for (const GraphResult& result : *results) {
      prompt_tokens += result.end.prompt_tokens;
      generated_tokens += result.end.generated_tokens;
      done.set_seed(result.seed);
    }
    done.set_prompt_tokens(prompt_tokens);
    done.set_generated_tokens(generated_tokens);
    events->Push(std::move(event));
    events->End(absl::OkStatus());
  };
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

template <typename Request, typename Response>
absl::Status InferenceHandler::ReplyWithGraph(const std::string& graph, Request request, Call call,
                                              Done<Response> done) {
  ASSIGN_OR_RETURN(const GenerateOverrides overrides, TakeOverrides(request));
  ASSIGN_OR_RETURN(Admission::Permit permit, Admit(call));
  std::string text = std::move(*request.mutable_text());
  return executor_.RunGraph(
      graph, std::move(text), overrides, ToContext(std::move(call)), nullptr,
      [request = std::move(request), permit = std::move(permit),
       done = std::move(done)](absl::StatusOr<std::vector<GraphResult>> results) mutable {
        { const Admission::Permit end = std::move(permit); }
        if (!results.ok()) return std::move(done)(std::move(results).status());
        Response response;
        for (GraphResult& result : *results) {
          *response.add_results() = ToScoredText(std::move(result), request);
        }
        std::move(done)(std::move(response));
      });
}

template <typename Request>
absl::Status InferenceHandler::StreamGraph(const std::string& graph, Request request, Call call,
                                           std::shared_ptr<EventQueue> events) {
  ASSIGN_OR_RETURN(const GenerateOverrides overrides, TakeOverrides(request));
  ASSIGN_OR_RETURN(Admission::Permit permit, Admit(call));
  auto listener = std::make_shared<StreamingListener>(events, request.explain());
  return executor_.RunGraph(graph, std::move(*request.mutable_text()), overrides,
                            ToContext(std::move(call)), std::move(listener),
                            EndStream(std::move(permit), std::move(events)));
}

absl::Status InferenceHandler::ClassifyGeneratedTexts(
    v1::ClassifyGeneratedTextsRequest request, Call call,
    Done<v1::ClassifyGeneratedTextsResponse> done) {
  return ReplyWithGraph(kTutorialGraph, std::move(request), std::move(call), std::move(done));
}

absl::Status InferenceHandler::StreamClassifyGeneratedTexts(
    v1::ClassifyGeneratedTextsRequest request, Call call, std::shared_ptr<EventQueue> events) {
  return StreamGraph(kTutorialGraph, std::move(request), std::move(call), std::move(events));
}

absl::Status InferenceHandler::RunGraph(v1::RunGraphRequest request, Call call,
                                        Done<v1::RunGraphResponse> done) {
  const std::string graph = request.graph();
  return ReplyWithGraph(graph, std::move(request), std::move(call), std::move(done));
}

absl::Status InferenceHandler::StreamRunGraph(v1::RunGraphRequest request, Call call,
                                              std::shared_ptr<EventQueue> events) {
  const std::string graph = request.graph();
  return StreamGraph(graph, std::move(request), std::move(call), std::move(events));
}

absl::Status InferenceHandler::Generate(v1::GenerateRequest request, Call call,
                                        Done<v1::GenerateResponse> done) {
  ASSIGN_OR_RETURN(const GenerateOverrides overrides, TakeOverrides(request));
  ASSIGN_OR_RETURN(Admission::Permit permit, Admit(call));
  const std::string model = request.model();
  std::string text = std::move(*request.mutable_text());
  return executor_.Generate(
      model, std::move(text), overrides, ToContext(std::move(call)), nullptr,
      [request = std::move(request), permit = std::move(permit),
       done = std::move(done)](absl::StatusOr<std::vector<GraphResult>> results) mutable {
        { const Admission::Permit end = std::move(permit); }
        if (!results.ok()) return std::move(done)(std::move(results).status());
        std::move(done)(ToGenerateResponse(*results, request));
      });
}

absl::Status InferenceHandler::StreamGenerate(v1::GenerateRequest request, Call call,
                                              std::shared_ptr<EventQueue> events) {
  ASSIGN_OR_RETURN(const GenerateOverrides overrides, TakeOverrides(request));
  ASSIGN_OR_RETURN(Admission::Permit permit, Admit(call));
  auto listener = std::make_shared<StreamingListener>(events, request.explain());
  return executor_.Generate(request.model(), std::move(*request.mutable_text()), overrides,
                            ToContext(std::move(call)), std::move(listener),
                            EndStream(std::move(permit), std::move(events)));
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

absl::Status InferenceHandler::Tokenize(v1::TokenizeRequest request, Call call,
                                        Done<v1::TokenizeResponse> done) {
  RETURN_IF_ERROR(CheckText("text", request.text()));
  ASSIGN_OR_RETURN(Admission::Permit permit, Admit(call));
  return executor_.Tokenize(
      request.model(), std::move(*request.mutable_text()), ToContext(std::move(call)),
      [permit = std::move(permit),
       done = std::move(done)](absl::StatusOr<std::vector<TextToken>> tokens) mutable {
        { const Admission::Permit end = std::move(permit); }
        if (!tokens.ok()) return std::move(done)(std::move(tokens).status());
        v1::TokenizeResponse response;
        for (TextToken& token : *tokens) {
          v1::Token& proto = *response.add_tokens();
          proto.set_id(token.id);
          proto.set_text(std::move(token.text));
          proto.set_begin(token.begin);
          proto.set_end(token.end);
        }
        std::move(done)(std::move(response));
      });
}

absl::Status InferenceHandler::Detokenize(v1::DetokenizeRequest request, Call call,
                                          Done<v1::DetokenizeResponse> done) {
  ASSIGN_OR_RETURN(Admission::Permit permit, Admit(call));
  return executor_.Detokenize(request.model(), {request.ids().begin(), request.ids().end()},
                              ToContext(std::move(call)),
                              [permit = std::move(permit),
                               done = std::move(done)](absl::StatusOr<std::string> text) mutable {
                                { const Admission::Permit end = std::move(permit); }
                                if (!text.ok()) return std::move(done)(std::move(text).status());
                                v1::DetokenizeResponse response;
                                response.set_text(*std::move(text));
                                std::move(done)(std::move(response));
                              });
}

void InferenceHandler::Register(MethodRegistry& registry) {
  const auto full_name = [](const char* name) {
    return absl::StrCat("chorus.v1.InferenceService.", name);
  };
  const auto add = [&]<typename Request, typename Response>(
                       const char* name,
                       absl::Status (InferenceHandler::*method)(Request, Call, Done<Response>)) {
    registry.Add<Request, Response>(
        full_name(name), [this, method](Request request, Call call, Done<Response> done) {
          return (this->*method)(std::move(request), std::move(call), std::move(done));
        });
  };
  const auto add_stream = [&]<typename Request>(const char* name,
                                                absl::Status (InferenceHandler::*method)(
                                                    Request, Call, std::shared_ptr<EventQueue>)) {
    registry.AddStream<Request>(
        full_name(name),
        [this, method](Request request, Call call, std::shared_ptr<EventQueue> events) {
          return (this->*method)(std::move(request), std::move(call), std::move(events));
        });
  };
  add("ClassifyGeneratedTexts", &InferenceHandler::ClassifyGeneratedTexts);
  add("RunGraph", &InferenceHandler::RunGraph);
  add("Generate", &InferenceHandler::Generate);
  add("Classify", &InferenceHandler::Classify);
  add("ListGraphs", &InferenceHandler::ListGraphs);
  add("GetGraph", &InferenceHandler::GetGraph);
  add("Tokenize", &InferenceHandler::Tokenize);
  add("Detokenize", &InferenceHandler::Detokenize);
  add_stream("StreamClassifyGeneratedTexts", &InferenceHandler::StreamClassifyGeneratedTexts);
  add_stream("StreamRunGraph", &InferenceHandler::StreamRunGraph);
  add_stream("StreamGenerate", &InferenceHandler::StreamGenerate);
}

}  // namespace chorus
