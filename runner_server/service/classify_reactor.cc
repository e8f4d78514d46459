#include "runner_server/service/classify_reactor.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/grpc_status.h"
#include "base/status_macros.h"
#include "base/utf8.h"

namespace chorus {
namespace {

absl::Status CheckRequest(const runner::v1::ClassifyRequest& request) {
  if (request.texts().empty() || request.texts_size() > ClassifyReactor::kMaxTexts) {
    return absl::InvalidArgumentError(absl::StrCat(
        "texts must hold 1 to ", ClassifyReactor::kMaxTexts, " texts: ", request.texts_size()));
  }
  for (int i = 0; i < request.texts_size(); ++i) {
    if (const size_t at = FindInvalidUtf8(request.texts(i)); at != std::string_view::npos) {
      return absl::InvalidArgumentError(absl::StrCat("texts[", i, "] is not UTF-8: at byte ", at));
    }
  }
  return absl::OkStatus();
}

}  // namespace

ClassifyReactor::ClassifyReactor(const absl::StatusOr<HostedEngine<ClassificationEngine>>& hosted,
                                 const runner::v1::ClassifyRequest& request,
                                 runner::v1::ClassifyResponse& response, absl::Time deadline,
                                 RunnerMetrics& metrics, CallCounter& counter)
    : record_("Classify", metrics, counter), response_(response) {
  const absl::Status status = hosted.ok() ? Submit(*hosted, request, deadline) : hosted.status();
  if (!status.ok()) End(status);
}

absl::Status ClassifyReactor::Submit(const HostedEngine<ClassificationEngine>& hosted,
                                     const runner::v1::ClassifyRequest& request,
                                     absl::Time deadline) {
  RETURN_IF_ERROR(CheckRequest(request));
  return hosted.engine->Submit({.texts = {request.texts().begin(), request.texts().end()},
                                .refuse_truncation = request.refuse_truncation(),
                                .split_special_tokens = request.split_special_tokens(),
                                .underway = request.underway()},
                               deadline, stop_.get_token(),
                               [this, hosted](absl::StatusOr<ClassificationResults> results) {
                                 if (!results.ok()) return End(results.status());
                                 OnEnd(hosted, *results);
                               });
}

void ClassifyReactor::OnEnd(const HostedEngine<ClassificationEngine>& hosted,
                            const ClassificationResults& results) {
  int num_truncated = 0;
  for (const TextClassification& result : results.texts) {
    runner::v1::Classification& proto = *response_.add_results();
    proto.mutable_probabilities()->Add(result.probabilities.begin(), result.probabilities.end());
    proto.set_num_tokens(result.num_tokens);
    proto.set_text_tokens(result.text_tokens);
    num_truncated += result.text_tokens > result.num_tokens ? 1 : 0;
  }
  record_.metrics().OnTruncated(num_truncated);
  for (const std::string& label : hosted.engine->labels()) response_.add_labels(label);
  response_.set_queue_seconds(absl::ToDoubleSeconds(results.queue));
  response_.set_compute_seconds(absl::ToDoubleSeconds(results.compute));
  response_.set_max_batch_size(results.max_batch_size);
  response_.set_model_version(std::string(hosted.version));
  End(absl::OkStatus());
}

void ClassifyReactor::End(const absl::Status& status) {
  record_.set_code(status.code());
  Finish(ToGrpcStatus(status));
}

void ClassifyReactor::OnCancel() { stop_.request_stop(); }

void ClassifyReactor::OnDone() { delete this; }

}  // namespace chorus
