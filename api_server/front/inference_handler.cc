#include "api_server/front/inference_handler.h"

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "api_server/front/inference_checks.h"
#include "api_server/front/inference_messages.h"
#include "api_server/front/streaming_listener.h"
#include "base/error_details.h"
#include "base/generation_params.h"
#include "base/status_macros.h"
#include "glog/logging.h"

namespace chorus::gateway {
namespace {

constexpr char kTutorialGraph[] = "inference_graph";

// Moves the common part out of a generating request, and checks it.
template <typename Request>
absl::StatusOr<RunRequest> TakeRun(Request& request) {
  RETURN_IF_ERROR(CheckText("text", request.text()));
  RunRequest run = {.params = ParamsOf(request)};
  if (const std::vector<FieldProblem> problems = CheckRanges(run.params); !problems.empty()) {
    return FieldError(problems[0].field, problems[0].problem);
  }
  run.text = std::move(*request.mutable_text());
  if constexpr (std::is_same_v<Request, v1::GenerateRequest>) {
    if (!run.text.empty() && !request.prompt_ids().empty()) {
      return FieldError("text", "must be empty where prompt_ids are the prompt");
    }
    run.prompt_ids.Swap(request.mutable_prompt_ids());
  }
  if constexpr (!std::is_same_v<Request, v1::GenerateRequest>) {
    run.partial = request.partial();
    run.truncate = !request.has_truncate() || request.truncate();
  }
  return run;
}

// Common fields have the same numbers and types.
v1::RunGraphRequest ForTutorialGraph(const v1::ClassifyGeneratedTextsRequest& request) {
  v1::RunGraphRequest run;
  CHECK(run.ParseFromString(request.SerializeAsString()));
  run.set_graph(kTutorialGraph);
  return run;
}

// As a runner's requests have it.
int PriorityOf(const Caller& caller) {
  switch (caller.priority()) {
    case config::v1::PRIORITY_LOW:
      return -1;
    case config::v1::PRIORITY_HIGH:
      return 1;
    default:
      return 0;
  }
}

CallContext ToContext(Call call) {
  return {.deadline = call.deadline,
          .stop = std::move(call.stop),
          .request_id = std::move(call.request_id),
          .traceparent = std::move(call.traceparent),
          .priority = PriorityOf(call.caller)};
}

// The completion of an admitted call: releases the permit, then replies with the error or with
// make(result).
template <typename Result, typename Response, typename Make>
Executor::Done<Result> Reply(Admission::Permit permit, InferenceHandler::Done<Response> done,
                             Make make) {
  return [permit = std::move(permit), done = std::move(done),
          make = std::move(make)](absl::StatusOr<Result> result) mutable {
    { const Admission::Permit end = std::move(permit); }
    if (!result.ok()) return std::move(done)(std::move(result).status());
    std::move(done)(make(*std::move(result)));
  };
}

// The completion of a streamed run: releases the permit and ends the stream.
Executor::Done<std::vector<GraphResult>> EndStream(Admission::Permit permit,
                                                   std::shared_ptr<EventQueue> events,
                                                   std::shared_ptr<StreamingListener> listener,
                                                   std::shared_ptr<ReplyNotes> notes) {
  return [permit = std::move(permit), events = std::move(events), listener = std::move(listener),
          notes = std::move(notes)](absl::StatusOr<std::vector<GraphResult>> results) mutable {
    { const Admission::Permit end = std::move(permit); }
    if (!results.ok()) return events->End(results.status());
    notes->usage.Set(UsageOf(*results));
    listener->End(results->front().seed);
  };
}

}  // namespace

InferenceHandler::InferenceHandler(Executor& executor, Admission& admission,
                                   RequestMetrics& metrics)
    : executor_(executor), admission_(admission), metrics_(metrics) {}

absl::StatusOr<Admission::Permit> InferenceHandler::AdmitTo(const Call& call,
                                                            const absl::Status& may) {
  RETURN_IF_ERROR(may);
  if (call.deadline <= absl::Now()) {
    metrics_.CountRejected(Rejection::kDeadline);
    return absl::DeadlineExceededError("the deadline had passed before the call could begin");
  }
  const bool is_low = call.caller.priority() == config::v1::PRIORITY_LOW;
  absl::StatusOr<Admission::Permit> permit = admission_.TryAcquire(is_low);
  if (!permit.ok()) {
    metrics_.CountRejected(absl::IsUnavailable(permit.status()) ? Rejection::kDraining
                                                                : Rejection::kAdmission);
  }
  return permit;
}

absl::Status InferenceHandler::ClassifyGeneratedTexts(
    v1::ClassifyGeneratedTextsRequest request, Call call,
    Done<v1::ClassifyGeneratedTextsResponse> done) {
  return RunGraph(ForTutorialGraph(request), std::move(call),
                  [done = std::move(done)](absl::StatusOr<v1::RunGraphResponse> run) mutable {
                    if (!run.ok()) return std::move(done)(std::move(run).status());
                    v1::ClassifyGeneratedTextsResponse response;
                    response.mutable_results()->Swap(run->mutable_results());
                    std::move(done)(std::move(response));
                  });
}

absl::Status InferenceHandler::StreamClassifyGeneratedTexts(
    v1::ClassifyGeneratedTextsRequest request, Call call, std::shared_ptr<EventQueue> events) {
  return StreamRunGraph(ForTutorialGraph(request), std::move(call), std::move(events));
}

absl::Status InferenceHandler::RunGraph(v1::RunGraphRequest request, Call call,
                                        Done<v1::RunGraphResponse> done) {
  ASSIGN_OR_RETURN(RunRequest run, TakeRun(request));
  ASSIGN_OR_RETURN(Admission::Permit permit, AdmitGraph(call, request.graph()));
  const std::string graph = request.graph();
  auto listener = std::make_shared<UsageListener>(call.notes);
  auto make = [request = std::move(request), notes = call.notes,
               request_id = call.request_id](std::vector<GraphResult> results) {
    FillNotes(results, request.explain(), *notes);
    v1::RunGraphResponse response;
    for (GraphResult& result : results) {
      *response.add_results() =
          ToScoredText(std::move(result), request.details(), request.explain(), request_id);
    }
    return response;
  };
  return executor_.RunGraph(
      graph, std::move(run), ToContext(std::move(call)), std::move(listener),
      Reply<std::vector<GraphResult>>(std::move(permit), std::move(done), std::move(make)));
}

absl::Status InferenceHandler::StreamRunGraph(v1::RunGraphRequest request, Call call,
                                              std::shared_ptr<EventQueue> events) {
  if (request.partial()) {
    return FieldError("partial", "must be false in streams, which bring what there is as it comes");
  }
  ASSIGN_OR_RETURN(RunRequest run, TakeRun(request));
  ASSIGN_OR_RETURN(Admission::Permit permit, AdmitGraph(call, request.graph()));
  auto listener = std::make_shared<StreamingListener>(events, request.explain(), call.notes);
  auto end = EndStream(std::move(permit), std::move(events), listener, call.notes);
  return executor_.RunGraph(request.graph(), std::move(run), ToContext(std::move(call)), listener,
                            std::move(end));
}

absl::Status InferenceHandler::Generate(v1::GenerateRequest request, Call call,
                                        Done<v1::GenerateResponse> done) {
  ASSIGN_OR_RETURN(RunRequest run, TakeRun(request));
  ASSIGN_OR_RETURN(Admission::Permit permit, AdmitModel(call, request.model()));
  const std::string model = request.model();
  auto listener = std::make_shared<UsageListener>(call.notes);
  auto make = [request = std::move(request), notes = call.notes](std::vector<GraphResult> results) {
    FillNotes(results, request.explain(), *notes);
    return ToGenerateResponse(std::move(results), request);
  };
  return executor_.Generate(
      model, std::move(run), ToContext(std::move(call)), std::move(listener),
      Reply<std::vector<GraphResult>>(std::move(permit), std::move(done), std::move(make)));
}

absl::Status InferenceHandler::StreamGenerate(v1::GenerateRequest request, Call call,
                                              std::shared_ptr<EventQueue> events) {
  ASSIGN_OR_RETURN(RunRequest run, TakeRun(request));
  ASSIGN_OR_RETURN(Admission::Permit permit, AdmitModel(call, request.model()));
  auto listener = std::make_shared<StreamingListener>(events, request.explain(), call.notes);
  auto end = EndStream(std::move(permit), std::move(events), listener, call.notes);
  return executor_.Generate(request.model(), std::move(run), ToContext(std::move(call)), listener,
                            std::move(end));
}

absl::Status InferenceHandler::Classify(v1::ClassifyRequest request, Call call,
                                        Done<v1::ClassifyResponse> done) {
  RETURN_IF_ERROR(CheckClassify(request));
  ASSIGN_OR_RETURN(Admission::Permit permit, AdmitModel(call, request.model()));
  runner::v1::ClassifyRequest classify;
  classify.mutable_texts()->Swap(request.mutable_texts());
  classify.mutable_text_pairs()->Swap(request.mutable_text_pairs());
  classify.set_score_kind(request.score_kind());
  classify.set_refuse_truncation(request.has_truncate() && !request.truncate());
  classify.set_split_special_tokens(request.split_special_tokens());
  const auto make = [notes = call.notes](const runner::v1::ClassifyResponse& answer) {
    v1::ClassifyResponse response;
    CallUsage usage;
    for (int i = 0; i < answer.results_size(); ++i) {
      *response.add_results() = ToProto(answer, i);
      usage.prompt_tokens += response.results(i).num_tokens();
    }
    FillKind(answer, response);
    notes->usage.Set(usage);
    return response;
  };
  return executor_.Classify(
      request.model(), std::move(classify), ToContext(std::move(call)),
      Reply<runner::v1::ClassifyResponse>(std::move(permit), std::move(done), make));
}

absl::Status InferenceHandler::Embed(v1::EmbedRequest request, Call call,
                                     Done<v1::EmbedResponse> done) {
  RETURN_IF_ERROR(CheckEmbed(request));
  ASSIGN_OR_RETURN(Admission::Permit permit, AdmitModel(call, request.model()));
  runner::v1::EmbedRequest embed;
  embed.mutable_texts()->Swap(request.mutable_texts());
  embed.set_refuse_truncation(request.has_truncate() && !request.truncate());
  embed.set_split_special_tokens(request.split_special_tokens());
  if (request.has_normalize()) embed.set_normalize(request.normalize());
  embed.set_dimensions(request.dimensions());
  const auto make = [notes = call.notes, in_bytes = request.format() == v1::EMBEDDING_FORMAT_BYTES](
                        runner::v1::EmbedResponse answer) {
    v1::EmbedResponse response = ToProto(std::move(answer), in_bytes);
    CallUsage usage;
    for (const v1::Embedding& result : response.results()) {
      usage.prompt_tokens += result.num_tokens();
    }
    notes->usage.Set(usage);
    return response;
  };
  return executor_.Embed(
      request.model(), std::move(embed), ToContext(std::move(call)),
      Reply<runner::v1::EmbedResponse>(std::move(permit), std::move(done), make));
}

absl::Status InferenceHandler::Tokenize(v1::TokenizeRequest request, Call call,
                                        Done<v1::TokenizeResponse> done) {
  RETURN_IF_ERROR(CheckText("text", request.text()));
  ASSIGN_OR_RETURN(Admission::Permit permit, AdmitModel(call, request.model()));
  runner::v1::TokenizeRequest tokenize;
  tokenize.set_text(std::move(*request.mutable_text()));
  tokenize.set_ids_only(request.ids_only());
  if (request.has_limit()) tokenize.set_limit(request.limit());
  tokenize.set_offset(request.offset());
  tokenize.set_split_special_tokens(request.split_special_tokens());
  const auto make = [notes = call.notes](runner::v1::TokenizeResponse answer) {
    notes->usage.Set({.prompt_tokens = answer.num_tokens()});
    return ToProto(std::move(answer));
  };
  return executor_.Tokenize(
      request.model(), std::move(tokenize), ToContext(std::move(call)),
      Reply<runner::v1::TokenizeResponse>(std::move(permit), std::move(done), make));
}

absl::Status InferenceHandler::Detokenize(v1::DetokenizeRequest request, Call call,
                                          Done<v1::DetokenizeResponse> done) {
  ASSIGN_OR_RETURN(Admission::Permit permit, AdmitModel(call, request.model()));
  runner::v1::DetokenizeRequest detokenize;
  detokenize.mutable_ids()->Swap(request.mutable_ids());
  const auto make = [](runner::v1::DetokenizeResponse answer) {
    v1::DetokenizeResponse response;
    response.set_text(std::move(*answer.mutable_text()));
    return response;
  };
  return executor_.Detokenize(
      request.model(), std::move(detokenize), ToContext(std::move(call)),
      Reply<runner::v1::DetokenizeResponse>(std::move(permit), std::move(done), make));
}

absl::Status InferenceHandler::ListGraphs(v1::ListGraphsRequest, Call call,
                                          Done<v1::ListGraphsResponse> done) {
  v1::ListGraphsResponse response;
  for (const GraphStatus& status : executor_.DescribeGraphs()) {
    if (!call.caller.CheckGraph(status.graph->name()).ok()) continue;
    *response.add_graphs() = ToProto(status);
  }
  std::move(done)(std::move(response));
  return absl::OkStatus();
}

absl::Status InferenceHandler::GetGraph(v1::GetGraphRequest request, Call call,
                                        Done<v1::Graph> done) {
  RETURN_IF_ERROR(call.caller.CheckGraph(request.graph()));
  ASSIGN_OR_RETURN(const GraphStatus status, executor_.DescribeGraph(request.graph()));
  std::move(done)(ToProto(status));
  return absl::OkStatus();
}

void InferenceHandler::Register(MethodRegistry& registry) {
  const auto add = [&](const char* name, auto method) {
    registry.Add(absl::StrCat("chorus.v1.InferenceService.", name), *this, method);
  };
  add("ClassifyGeneratedTexts", &InferenceHandler::ClassifyGeneratedTexts);
  add("RunGraph", &InferenceHandler::RunGraph);
  add("Generate", &InferenceHandler::Generate);
  add("Classify", &InferenceHandler::Classify);
  add("Embed", &InferenceHandler::Embed);
  add("Tokenize", &InferenceHandler::Tokenize);
  add("Detokenize", &InferenceHandler::Detokenize);
  add("StreamClassifyGeneratedTexts", &InferenceHandler::StreamClassifyGeneratedTexts);
  add("StreamRunGraph", &InferenceHandler::StreamRunGraph);
  add("StreamGenerate", &InferenceHandler::StreamGenerate);
  add("ListGraphs", &InferenceHandler::ListGraphs);
  add("GetGraph", &InferenceHandler::GetGraph);
}

}  // namespace chorus::gateway
