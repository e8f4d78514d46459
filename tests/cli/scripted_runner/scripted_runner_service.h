#pragma once

// chorus.runner.v1 by script: what the answer is depends on the text alone.
//
// Thread safety: as a gRPC service.

#include <atomic>
#include <string>

#include "proto/chorus/runner/v1/runner.grpc.pb.h"

namespace chorus {

class ScriptedRunnerService : public runner::v1::RunnerService::Service {
 public:
  // A classifier or a generator; the first `num_unavailable` calls to GetModelInfo find it loading.
  ScriptedRunnerService(bool classifies, int num_unavailable)
      : classifies_(classifies), num_unavailable_(num_unavailable) {}

  grpc::Status GetModelInfo(grpc::ServerContext* context,
                            const runner::v1::GetModelInfoRequest* request,
                            runner::v1::GetModelInfoResponse* response) override;

  // Answers with the parameters it was given, in four pieces, and one more for each of the rarer.
  // The text "hang" gets one piece and then nothing until the call is cancelled; "refuse" is
  // refused; "cut" ends without `finished`.
  grpc::Status Generate(grpc::ServerContext* context, const runner::v1::GenerateRequest* request,
                        grpc::ServerWriter<runner::v1::GenerateResponse>* writer) override;

  // A "good" text is POSITIVE with 0.875, any other NEGATIVE with 0.75. Four tokens are read of it,
  // which has a token a byte.
  grpc::Status Classify(grpc::ServerContext* context, const runner::v1::ClassifyRequest* request,
                        runner::v1::ClassifyResponse* response) override;

  bool was_cancelled() const { return was_cancelled_; }

 private:
  const bool classifies_;
  std::atomic<int> num_unavailable_;
  std::atomic<bool> was_cancelled_ = false;
};

}  // namespace chorus
