#pragma once

// Implements chorus.v1.InferenceService for gRPC and HTTP: checks a request, admits it, runs it on
// the executor and builds the reply.
//
// Thread safety: all methods may be called from any thread and do not block. A method either
// returns OK and calls `done` exactly once, later, on the executor's completion thread; or returns
// an error (INVALID_ARGUMENT naming field and value, PERMISSION_DENIED, NOT_FOUND,
// RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED) and destroys `done` uncalled. A streaming
// method likewise ends `events`, after a `done` event if all went well, or leaves it untouched.

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api_server/front/admission.h"
#include "api_server/front/call.h"
#include "api_server/front/event_queue.h"
#include "api_server/front/method_registry.h"
#include "api_server/front/request_metrics.h"
#include "api_server/graph/executor.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus::gateway {

class InferenceHandler {
 public:
  template <typename T>
  using Done = MethodRegistry::DoneWith<T>;

  // The arguments must outlive the handler and every call it has begun.
  InferenceHandler(Executor& executor, Admission& admission, RequestMetrics& metrics);

  // RunGraph for the graph "inference_graph".
  absl::Status ClassifyGeneratedTexts(v1::ClassifyGeneratedTextsRequest request, Call call,
                                      Done<v1::ClassifyGeneratedTextsResponse> done);
  absl::Status RunGraph(v1::RunGraphRequest request, Call call, Done<v1::RunGraphResponse> done);
  absl::Status Generate(v1::GenerateRequest request, Call call, Done<v1::GenerateResponse> done);
  absl::Status Classify(v1::ClassifyRequest request, Call call, Done<v1::ClassifyResponse> done);

  absl::Status Embed(v1::EmbedRequest request, Call call, Done<v1::EmbedResponse> done);

  absl::Status Tokenize(v1::TokenizeRequest request, Call call, Done<v1::TokenizeResponse> done);
  absl::Status Detokenize(v1::DetokenizeRequest request, Call call,
                          Done<v1::DetokenizeResponse> done);

  absl::Status StreamClassifyGeneratedTexts(v1::ClassifyGeneratedTextsRequest request, Call call,
                                            std::shared_ptr<EventQueue> events);
  absl::Status StreamRunGraph(v1::RunGraphRequest request, Call call,
                              std::shared_ptr<EventQueue> events);
  absl::Status StreamGenerate(v1::GenerateRequest request, Call call,
                              std::shared_ptr<EventQueue> events);

  // These two read the gateway's memory: they call `done` before they return, and need no permit,
  // also while the server drains.
  absl::Status ListGraphs(v1::ListGraphsRequest request, Call call,
                          Done<v1::ListGraphsResponse> done);
  absl::Status GetGraph(v1::GetGraphRequest request, Call call, Done<v1::Graph> done);

  // Adds all methods to `registry`, which must not outlive the handler.
  void Register(MethodRegistry& registry);

 private:
  // Takes a permit; `may` says whether the caller may use what is called.
  absl::StatusOr<Admission::Permit> AdmitTo(const Call& call, const absl::Status& may);
  absl::StatusOr<Admission::Permit> AdmitGraph(const Call& call, const std::string& graph) {
    return AdmitTo(call, call.caller.CheckGraph(graph));
  }
  absl::StatusOr<Admission::Permit> AdmitModel(const Call& call, const std::string& model) {
    return AdmitTo(call, call.caller.CheckModel(model));
  }

  Executor& executor_;
  Admission& admission_;
  RequestMetrics& metrics_;
};

}  // namespace chorus::gateway
