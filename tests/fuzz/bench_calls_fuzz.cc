// Input: a file of calls for `chorus bench`; its first byte says whether it is a trace. What is
// accepted keeps the promises of its header, and what is refused is said with its place.

#include <string_view>

#include "absl/strings/match.h"
#include "base/string_view.h"
#include "cli/bench/load/call_file.h"
#include "tests/fuzz/fuzz_target.h"

namespace chorus::bench {
namespace {

bool IsLength(uint32_t tokens) { return tokens >= 1 && tokens <= 1 << 20; }

void Check(std::string_view bytes, bool is_trace) {
  const auto entries = ParseCallFile(bytes, "calls", is_trace);
  if (!entries.ok()) {
    FUZZ_ASSERT(absl::IsInvalidArgument(entries.status()));
    FUZZ_ASSERT(absl::StartsWith(entries.status().message(), "calls:") ||
                entries.status().message() == "calls has no calls");
    return;
  }
  FUZZ_ASSERT(!entries->empty());
  absl::Duration earliest;
  for (const CallFileEntry& entry : *entries) {
    FUZZ_ASSERT(entry.at >= earliest && entry.at <= absl::Seconds(is_trace ? 1e6 : 0));
    FUZZ_ASSERT(!entry.text || !entry.prompt_tokens);
    FUZZ_ASSERT(IsLength(entry.prompt_tokens.value_or(1)));
    FUZZ_ASSERT(IsLength(entry.output_tokens.value_or(1)));
    earliest = entry.at;
  }
}

}  // namespace
}  // namespace chorus::bench

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!text.empty()) chorus::bench::Check(text.substr(1), text[0] == 't');
  return 0;
}
