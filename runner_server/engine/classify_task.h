#pragma once

// What a classifier makes of a text's logits: a score for each label. A Task of EncoderStepper.
//
// Thread safety: immutable.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "runner_server/model/sequence_encoder.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

class ClassifyTask {
 public:
  using Request = runner::v1::ClassifyRequest;
  using Response = runner::v1::ClassifyResponse;
  using Result = runner::v1::Classification;

  static constexpr std::string_view kWhat = "a classifier, which implements Classify";

  // `model` has a ClassificationHead, and must outlive this.
  explicit ClassifyTask(const SequenceEncoder& model)
      : head_(std::get<ClassificationHead>(model.head())) {}

  // INVALID_ARGUMENT: text pairs that are not as many as texts, or an unknown kind of score.
  absl::Status Check(const Request& request) const;
  static const std::string& FormText(const std::string& text) { return text; }
  static absl::StatusOr<int> NumUnpooled(const Tokenizer&, int) { return 0; }
  // Null for none. As to transformers, an empty one is none.
  static const std::string* PairOf(const Request& request, int index) {
    const bool has_pair = !request.text_pairs().empty() && !request.text_pairs(index).empty();
    return has_pair ? &request.text_pairs(index) : nullptr;
  }
  static void DropTexts(Request& request) {
    request.clear_texts();
    request.clear_text_pairs();
  }
  void FillInfo(runner::v1::GetModelInfoResponse& info) const;
  void FillResult(const Request& request, std::span<const float> logits, Result& result) const;
  void FillResponse(const Request& request, Response& response) const;

 private:
  chorus::v1::ScoreKind KindOf(const Request& request) const;

  const ClassificationHead& head_;
};

// In double precision. `logits` must not be empty.
std::vector<double> Softmax(std::span<const float> logits);

}  // namespace chorus::runner
