// Bodies of the Open Inference Protocol give whole requests, or INVALID_ARGUMENT. The first line is
// the length of the JSON; without one, all of the rest is. The rest is also read as a gRPC message.

#include <string>
#include <string_view>

#include "api_server/protocols/open_inference/infer_json.h"
#include "api_server/protocols/open_inference/infer_proto.h"
#include "api_server/protocols/open_inference/parameters.h"
#include "proto/chorus/v1/inference.pb.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

using namespace chorus;           // NOLINT: a program.
using namespace chorus::gateway;  // NOLINT

void CheckError(const absl::Status& status) {
  FUZZ_ASSERT(status.ok() || status.code() == absl::StatusCode::kInvalidArgument);
}

// What a server does with a request that it has read.
void Use(const InferRequest& infer) {
  v1::GenerateRequest generate;
  CheckError(SetParameters(infer.parameters, generate));
  FUZZ_ASSERT(generate.text().empty() && generate.model().empty());
  v1::ClassifyRequest classify;
  CheckError(SetParameters(infer.parameters, classify));
  FUZZ_ASSERT(classify.texts().empty() && classify.model().empty());
  const absl::Status status = CheckInputs(infer, {kTextInput, "text_pair"});
  CheckError(status);
  FUZZ_ASSERT(!status.ok() || FindInput(infer, kTextInput) != nullptr);
}

// Texts come back as they were sent.
void CheckRoundTrip(const TextTensor& tensor) {
  const absl::StatusOr<std::vector<std::string>> texts =
      DecodeTexts(EncodeValues(OutputTensor::Values(tensor.texts)));
  FUZZ_ASSERT(texts.ok() && *texts == tensor.texts);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string length(TakeLine(rest));
  const auto body = ParseInferBody(rest, length.empty() ? nullptr : &length);
  CheckError(body.status());
  if (body.ok()) {
    Use(body->infer);
    for (const TextTensor& tensor : body->infer.inputs) CheckRoundTrip(tensor);
    for (const std::string& name : body->infer.outputs) FUZZ_ASSERT(!name.empty());
  }
  const auto generate = ParseGenerateBody(rest);
  CheckError(generate.status());
  if (generate.ok()) Use(*generate);
  inference::ModelInferRequest message;
  if (message.ParseFromArray(rest.data(), static_cast<int>(rest.size()))) {
    const auto infer = FromProto(message);
    CheckError(infer.status());
    if (infer.ok()) Use(*infer);
  }
  return 0;
}
