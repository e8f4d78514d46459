// A completion's request gives calls that are in range, or INVALID_ARGUMENT.

#include <string_view>

#include "api_server/protocols/openai/completion_request.h"
#include "base/generation_params.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chorus;  // NOLINT: a program.
  const auto request = gateway::ParseCompletionRequest({reinterpret_cast<const char*>(data), size});
  if (!request.ok()) {
    FUZZ_ASSERT(request.status().code() == absl::StatusCode::kInvalidArgument);
    return 0;
  }
  FUZZ_ASSERT(!request->prompts.empty() && request->num_choices >= 1 && request->num_copies >= 1);
  for (const v1::GenerateRequest& prompt : request->prompts) {
    FUZZ_ASSERT(CheckRanges(ParamsOf(prompt)).empty());
    FUZZ_ASSERT(static_cast<int>(prompt.num_return_sequences()) >= request->num_choices);
    FUZZ_ASSERT(prompt.text().empty() || prompt.prompt_ids().empty());
  }
  const auto run = gateway::ForGraph(*request, request->prompts[0]);
  FUZZ_ASSERT(run.ok() || run.status().code() == absl::StatusCode::kInvalidArgument);
  return 0;
}
