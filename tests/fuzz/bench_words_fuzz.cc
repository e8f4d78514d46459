// Input: a word of `chorus bench`'s command line, taken for a distribution of lengths (what follows
// "file:" for the file's bytes), for an SLO, and for a URL.

#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "cli/bench/load/http_dialect.h"
#include "cli/bench/load/lengths.h"
#include "cli/bench/load/question.h"
#include "cli/bench/report/slo.h"
#include "tests/fuzz/fuzz_target.h"

namespace chorus::bench {
namespace {

void CheckLengths(const std::string& text) {
  constexpr std::string_view kFile = "file:";
  const auto lengths = text.starts_with(kFile)
                           ? Lengths::ParseFile(text.substr(kFile.size()), "lengths")
                           : Lengths::Parse(text);
  if (!lengths.ok()) {
    FUZZ_ASSERT(absl::IsInvalidArgument(lengths.status()));
    FUZZ_ASSERT(absl::StartsWith(lengths.status().message(), "lengths"));
    return;
  }
  Random random(1, 2);
  for (int i = 0; i < 64; ++i) {
    const uint32_t length = lengths->Draw(random);
    FUZZ_ASSERT(length >= 1 && length <= 1 << 20);
  }
}

void CheckSlo(const std::string& text) {
  const auto slo = Slo::Parse(text);
  if (!slo.ok()) {
    FUZZ_ASSERT(absl::IsInvalidArgument(slo.status()));
    return;
  }
  FUZZ_ASSERT(slo->ttft || slo->itl || slo->e2e);
  CallRecord record{.outcome = Outcome::kOk};
  FUZZ_ASSERT(slo->Met(record) == !slo->ttft);
  record.OnTokens("a", 0, 1, absl::ZeroDuration());
  record.OnTokens("a", 0, 1, absl::ZeroDuration());
  FUZZ_ASSERT(slo->Met(record));
}

// Whatever the URL is, the head of a request has its lines and no others.
void CheckUrl(const std::string& text) {
  const auto url = ServerUrl::Parse(text);
  if (!url.ok()) {
    FUZZ_ASSERT(absl::IsInvalidArgument(url.status()));
    return;
  }
  FUZZ_ASSERT(!url->path.ends_with('/'));
  const std::string request = HttpDialect({}, *url).Request({.text = "Once"});
  std::string_view rest = request;
  const std::string_view first = TakeLine(rest);
  FUZZ_ASSERT(first.starts_with("POST /") || !url->path.starts_with('/'));
  FUZZ_ASSERT(first.find(' ', 5) == first.size() - 10);  // Before "HTTP/1.1\r".
  int num_lines = 1;
  while (TakeLine(rest) != "\r") ++num_lines;
  FUZZ_ASSERT(num_lines == 6);
  FUZZ_ASSERT(rest == R"({"text":"Once","seed":0})");
}

}  // namespace
}  // namespace chorus::bench

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  chorus::bench::CheckLengths(text);
  chorus::bench::CheckSlo(text);
  chorus::bench::CheckUrl(text);
  return 0;
}
