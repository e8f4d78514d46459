#pragma once

// One call of a runner: the replica it is at, its gRPC context, its cancellation, what its errors
// mean, and its second try elsewhere. Deletes itself when it has ended.
//
// Thread safety: Start() once; then gRPC's threads, one at a time.

#include <grpcpp/client_context.h>

#include <functional>
#include <optional>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "api_server/graph/runner_client.h"
#include "api_server/runners/endpoint.h"
#include "api_server/runners/replica_set.h"
#include "base/in_flight.h"
#include "proto/chorus/runner/v1/runner.grpc.pb.h"

namespace chorus::gateway {

// The common part of both kinds of call.
class RunnerCall {
 public:
  // Where and how a call is made.
  struct Options {
    InFlight::Ticket ticket;  // First: released last.
    ReplicaSet& replicas;
    ReplicaSet::Work work;
    Endpoint::Lease lease;  // Of `work`.
    CallContext context;
    std::stop_token shutdown;
  };

  RunnerCall(const RunnerCall&) = delete;
  RunnerCall& operator=(const RunnerCall&) = delete;

 protected:
  explicit RunnerCall(Options options);
  ~RunnerCall() = default;

  // Of the attempt in progress.
  grpc::ClientContext& context() { return *context_; }
  runner::v1::RunnerService::Stub& stub() { return options_.lease->stub(); }
  void Spend(int64_t tokens) { options_.lease.Spend(tokens); }

  // Reports and translates the end of an attempt. Once for each.
  absl::Status Outcome(const grpc::Status& grpc_status);

  // Whether to retry the call after an attempt that ended with `status`; if so, prepares the next
  // attempt.
  bool TryElsewhere(const absl::Status& status);

 private:
  struct Cancel {
    grpc::ClientContext* context;
    void operator()() const { context->TryCancel(); }
  };

  // For an attempt at the lease's replica.
  void Prepare();

  Options options_;
  int num_attempts_ = 0;
  std::optional<grpc::ClientContext> context_;
  std::optional<std::stop_callback<Cancel>> on_caller_;  // After the context they use.
  std::optional<std::stop_callback<Cancel>> on_shutdown_;
};

using RunnerStub = runner::v1::RunnerService::StubInterface::async_interface;

template <typename Request, typename Response>
using UnaryMethod = void (RunnerStub::*)(grpc::ClientContext*, const Request*, Response*,
                                         std::function<void(grpc::Status)>);

// A call with one request and one reply.
template <typename Request, typename Response>
class UnaryCall final : private RunnerCall {
 public:
  UnaryCall(Request request, RunnerClient::Done<Response> done, Options options)
      : RunnerCall(std::move(options)), request_(std::move(request)), done_(std::move(done)) {}

  void Start(UnaryMethod<Request, Response> method) {
    method_ = method;
    (stub().async()->*method)(&context(), &request_, &response_,
                              [this](const grpc::Status& status) { OnDone(status); });
  }

 private:
  void OnDone(const grpc::Status& grpc_status) {
    const absl::Status status = Outcome(grpc_status);
    if (TryElsewhere(status)) {
      response_.Clear();
      return Start(method_);
    }
    if (status.ok()) {
      std::move(done_)(std::move(response_));
    } else {
      std::move(done_)(status);
    }
    delete this;
  }

  const Request request_;
  UnaryMethod<Request, Response> method_ = nullptr;
  Response response_;
  RunnerClient::Done<Response> done_;
};

}  // namespace chorus::gateway
