#include <utility>

#include "absl/strings/str_cat.h"
#include "api_server/graph/operation.h"
#include "base/error_details.h"

namespace chorus::gateway {
namespace {

// The runner names a field of its own request. What it refuses of one that a graph makes is a text
// that must not be cut.
absl::Status OfGraph(const absl::Status& status) {
  const absl::Status own = WithoutField(status);
  return absl::IsInvalidArgument(own) ? WithField(own, "truncate") : own;
}

// Scores texts.
class ClassifyOperation final : public Operation {
 public:
  Result result() const override { return Result::kScore; }
  ModelTask task() const override { return ModelTask::kClassify; }

  void Start(OperationCall call) const override {
    runner::v1::ClassifyRequest request;
    request.add_texts(call.text.generated);
    request.set_refuse_truncation(!call.run.truncate);
    request.set_split_special_tokens(call.run.params.split_special_tokens());
    request.set_underway(call.underway);
    call.runner.Classify(std::move(request), std::move(call.context),
                         [&text = call.text, done = std::move(call.done)](
                             absl::StatusOr<runner::v1::ClassifyResponse> answer) mutable {
                           if (!answer.ok()) {
                             return std::move(done)(OfGraph(answer.status()));
                           }
                           if (answer->results_size() != 1) {
                             return std::move(done)(absl::InternalError(absl::StrCat(
                                 "one text was sent, ", answer->results_size(), " came back")));
                           }
                           text.classification = *std::move(answer);
                           std::move(done)(absl::OkStatus());
                         });
  }
};

}  // namespace

std::unique_ptr<Operation> MakeClassifyOperation(const config::v1::Node&) {
  return std::make_unique<ClassifyOperation>();
}

}  // namespace chorus::gateway
