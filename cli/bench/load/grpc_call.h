#pragma once

// The calls of chorus.v1.InferenceService that bench makes: with a whole reply, or streamed.
//
// Thread safety: none; each is gRPC's from Start() until `finished` is called.

#include <grpcpp/grpcpp.h>

#include <functional>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "cli/bench/load/target.h"
#include "cli/monotonic_clock.h"
#include "proto/chorus/v1/inference.grpc.pb.h"

namespace chorus::bench {

using Stub = v1::InferenceService::StubInterface;
using Async = Stub::async_interface;

// New tokens of a whole reply, as far as it tells.
uint32_t TokensOf(const v1::RunGraphResponse& response);
uint32_t TokensOf(const v1::GenerateResponse& response);
uint32_t TokensOf(const v1::ClassifyResponse& response);
uint32_t TokensOf(const v1::EmbedResponse& response);

// One call in progress. Gone once `finished` has been called.
class ActiveCall {
 public:
  using Finished = absl::AnyInvocable<void(ActiveCall&) &&>;  // On a thread of gRPC's.

  virtual ~ActiveCall() = default;

  CallRecord record;
  Target::Done done;
  grpc::ClientContext context;
  Finished finished;
  bool cancelled = false;  // Of the io_context's thread.

 protected:
  void End(const grpc::Status& status);
};

template <typename Request, typename Response>
class WholeCall final : public ActiveCall {
 public:
  using Method = void (Async::*)(grpc::ClientContext*, const Request*, Response*,
                                 std::function<void(grpc::Status)>);

  Request request;

  void Start(Stub& stub, Method method) {
    (stub.async()->*method)(&context, &request, &response_, [this](const grpc::Status& status) {
      if (status.ok()) record.num_tokens = TokensOf(response_);
      End(status);
    });
  }

 private:
  Response response_;
};

template <typename Request>
class StreamedCall final : public ActiveCall, public grpc::ClientReadReactor<v1::StreamEvent> {
 public:
  using Method = void (Async::*)(grpc::ClientContext*, const Request*,
                                 grpc::ClientReadReactor<v1::StreamEvent>*);

  explicit StreamedCall(std::string name) : name_(std::move(name)) {}

  Request request;

  void Start(Stub& stub, Method method) {
    (stub.async()->*method)(&context, &request, this);
    StartRead(&event_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    const absl::Duration now = MonotonicNow();
    if (event_.has_token()) {
      const v1::TokenEvent& token = event_.token();
      record.OnTokens(Branch(token), token.index(), token.num_tokens(), now);
    } else if (event_.has_score()) {
      record.OnScore(Branch(event_.score()), event_.score().index(), now);
    }
    StartRead(&event_);
  }

  void OnDone(const grpc::Status& status) override { End(status); }

 private:
  template <typename Event>
  const std::string& Branch(const Event& event) const {
    return event.has_branch() ? event.branch() : name_;
  }

  const std::string name_;
  v1::StreamEvent event_;
};

}  // namespace chorus::bench
