#pragma once

// What an embedder makes of a text, a prompt before it, and of its vector: it is cut and scaled, as
// a call asks. A Task of EncoderStepper.
//
// Thread safety: immutable.

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "runner_server/model/sequence_encoder.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

class EmbedTask {
 public:
  static constexpr int kMaxNumbers = 1 << 21;  // Of a reply: 8 MiB of floats.

  using Request = runner::v1::EmbedRequest;
  using Response = runner::v1::EmbedResponse;
  using Result = runner::v1::Embedding;

  static constexpr std::string_view kWhat = "an embedder, which implements Embed";

  // `model` has an EmbeddingHead, and must outlive this.
  explicit EmbedTask(const SequenceEncoder& model)
      : head_(std::get<EmbeddingHead>(model.head())), num_dimensions_(model.num_values()) {}

  // INVALID_ARGUMENT: more dimensions than the model has, or more than kMaxNumbers in all.
  absl::Status Check(const Request& request) const;
  std::string FormText(std::string_view text) const;
  // The length of the prompt with what stands before a text, as sentence-transformers counts it; 0
  // if all tokens are pooled.
  absl::StatusOr<int> NumUnpooled(const Tokenizer& tokenizer, int most) const;
  static const std::string* PairOf(const Request&, int) { return nullptr; }
  static void DropTexts(Request& request) { request.clear_texts(); }
  void FillInfo(runner::v1::GetModelInfoResponse& info) const;
  void FillResult(const Request& request, std::span<const float> vector, Result& result) const;
  void FillResponse(const Request& request, Response& response) const;

 private:
  int NumDimensions(const Request& request) const;
  bool Normalizes(const Request& request) const;

  const EmbeddingHead& head_;
  const int num_dimensions_;
};

}  // namespace chorus::runner
