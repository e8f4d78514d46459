#include "cli/bench/load/grpc_call.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"

namespace chorus::bench {
namespace {

Outcome OutcomeOf(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return Outcome::kOk;
    case grpc::StatusCode::UNAVAILABLE:  // Also gRPC's own, where there is no server.
      return absl::StartsWith(status.error_message(), "failed to connect") ? Outcome::kFailed
                                                                           : Outcome::kRefused;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return Outcome::kRefused;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return Outcome::kTimedOut;
    default:
      return Outcome::kFailed;
  }
}

}  // namespace

uint32_t TokensOf(const v1::RunGraphResponse& response) {
  uint32_t count = 0;
  for (const v1::ScoredText& text : response.results()) count += text.timing().generated_tokens();
  return count;
}

uint32_t TokensOf(const v1::GenerateResponse& response) {
  uint32_t count = response.generated_tokens();
  for (const v1::GeneratedText& other : response.others()) count += other.generated_tokens();
  return count;
}

uint32_t TokensOf(const v1::ClassifyResponse&) { return 0; }

uint32_t TokensOf(const v1::EmbedResponse&) { return 0; }

void ActiveCall::End(const grpc::Status& status) {
  record.end = MonotonicNow();
  record.outcome = OutcomeOf(status);
  const auto code = static_cast<absl::StatusCode>(status.error_code());  // They have the same.
  record.status = absl::StatusCodeToString(code);
  if (!status.ok()) record.message = status.error_message();
  std::move(finished)(*this);
}

}  // namespace chorus::bench
