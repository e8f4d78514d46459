#pragma once

// What RunnerClient says, in the messages of chorus.runner.v1, and what the runner answers, out of
// them. Errors are INTERNAL: the runner's faults against the protocol.
//
// Thread safety: free functions.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api_server/runners/runner_client.h"
#include "proto/chorus/runner/v1/runner.pb.h"

namespace chorus {

runner::v1::GenerateRequest ToRequest(std::string prompt, const GenerateParams& params);

// Takes the text out of the message.
TextDelta FromProto(v1::TextDelta& proto);
absl::StatusOr<GenerationEnd> FromProto(const v1::GenerationEnd& finished);

// One for each of the `num_texts` that were sent.
absl::StatusOr<std::vector<TextClassification>> FromProto(
    const runner::v1::ClassifyResponse& response, int num_texts);

// Takes the tokens' texts out of the message.
TokenizedText FromProto(runner::v1::TokenizeResponse& response);

}  // namespace chorus
