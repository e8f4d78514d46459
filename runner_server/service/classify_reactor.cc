#include "runner_server/service/classify_reactor.h"

#include <string>
#include <utility>

#include "base/grpc/status.h"

namespace chorus::runner {
ClassifyReactor::ClassifyReactor(const absl::StatusOr<ClassificationEngine*>& engine,
                                 const runner::v1::ClassifyRequest& request,
                                 runner::v1::ClassifyResponse& response, absl::Time deadline,
                                 RunnerMetrics& metrics, CallCounter& counter)
    : record_("Classify", metrics, counter), response_(response) {
  const absl::Status status = engine.ok() ? Submit(**engine, request, deadline) : engine.status();
  if (!status.ok()) End(status);
}

absl::Status ClassifyReactor::Submit(ClassificationEngine& engine,
                                     const runner::v1::ClassifyRequest& request,
                                     absl::Time deadline) {
  return engine.Submit(request, deadline, stop_.get_token(),
                       {.on_done = [this, version = engine.info().version()](
                                       absl::StatusOr<runner::v1::ClassifyResponse> response) {
                         if (!response.ok()) return End(response.status());
                         response_.Swap(&*response);
                         response_.set_model_version(version);
                         OnEnd();
                       }});
}

void ClassifyReactor::OnEnd() {
  int num_truncated = 0;
  for (const runner::v1::Classification& result : response_.results()) {
    num_truncated += result.text_tokens() > result.num_tokens() ? 1 : 0;
  }
  record_.metrics().OnTruncated(num_truncated);
  End(absl::OkStatus());
}

void ClassifyReactor::End(const absl::Status& status) {
  record_.set_code(status.code());
  Finish(ToGrpcStatus(status));
}

void ClassifyReactor::OnCancel() { stop_.request_stop(); }

void ClassifyReactor::OnDone() { delete this; }

}  // namespace chorus::runner
