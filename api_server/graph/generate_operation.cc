#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api_server/graph/operation.h"
#include "base/error_details.h"
#include "base/generation_params.h"

namespace chorus::gateway {
namespace {

// Continues a text.
class GenerateOperation final : public Operation {
 public:
  explicit GenerateOperation(const config::v1::GenerateNode& config)
      : defaults_(ParamsOf(config)) {}

  Result result() const override { return Result::kText; }
  ModelTask task() const override { return ModelTask::kGenerate; }

  std::vector<std::string> Problems() const override {
    std::vector<std::string> problems;
    for (const FieldProblem& problem : CheckRanges(defaults_)) {
      problems.push_back(absl::StrCat(problem.field, " ", problem.problem));
    }
    return problems;
  }

  absl::Status CheckRun(const RunnerClient& runner, const RunRequest& run,
                        const std::string& node) const override {
    const uint32_t num_sequences = run.params.num_return_sequences();
    if (num_sequences <= 1 || Samples(runner, ParamsFor(run))) return absl::OkStatus();
    return FieldError("num_return_sequences",
                      absl::StrCat("must be 1 where do_sample is false or temperature 0, as of ",
                                   node, ": all texts would be the same: ", num_sequences));
  }

  absl::Status CheckRoom(RunnerClient& runner, const RunRequest& run) const override {
    // A token has about four bytes.
    return runner.CheckRoom(run.text.size() + 4 * static_cast<size_t>(run.prompt_ids.size()),
                            ParamsFor(run));
  }

  void Start(OperationCall call) const override {
    runner::v1::GenerateRequest request;
    request.set_text(call.text.generated);
    request.mutable_prompt_ids()->CopyFrom(call.run.prompt_ids);
    *request.mutable_params() = ParamsFor(call.run);
    request.set_branch(call.branch);
    request.set_sequence(call.sequence);
    request.set_underway(call.underway);
    request.set_priority(call.context.priority);
    request.set_finish_within_seconds(absl::ToDoubleSeconds(call.finish_within));
    call.runner.Generate(std::move(request), std::move(call.context), std::move(call.on_text),
                         std::move(call.on_restart),
                         [&text = call.text, done = std::move(call.done)](
                             absl::StatusOr<v1::GenerationEnd> end) mutable {
                           if (end.ok()) text.end = *std::move(end);
                           std::move(done)(end.status());
                         });
  }

 private:
  // Whether a call with these parameters may sample. Healthy replicas may have versions of the
  // model with other defaults: one that samples is enough, the others refuse by themselves.
  static bool Samples(const RunnerClient& runner, const v1::GenerationParams& of_call) {
    std::vector<v1::GenerationParams> defaults;
    for (const ReplicaStatus& replica : runner.status().replicas) {
      if (replica.healthy) defaults.push_back(replica.model.defaults);
    }
    if (defaults.empty()) defaults.emplace_back();
    return std::any_of(defaults.begin(), defaults.end(), [&](const auto& of_model) {
      v1::GenerationParams params = DefaultParams();
      Override(of_model, params);
      Override(of_call, params);
      return !IsGreedy(params);
    });
  }

  v1::GenerationParams ParamsFor(const RunRequest& run) const {
    v1::GenerationParams params = defaults_;
    Override(run.params, params);
    return params;
  }

  const v1::GenerationParams defaults_;
};

}  // namespace

std::unique_ptr<Operation> MakeGenerateOperation(const config::v1::Node& node) {
  return std::make_unique<GenerateOperation>(node.generate());
}

}  // namespace chorus::gateway
