// Input: a file that `chorus bench compare` reads. What is accepted can be compared with itself,
// with a report of nothing and by one, and shown: figures are finite, nothing commands a terminal,
// and no markup is the file's.

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "cli/bench/report/report.h"
#include "tests/fuzz/fuzz_target.h"

namespace chorus::bench {
namespace {

bool IsControl(char c) { return (c >= 0 && c < 0x20 && c != '\n') || c == 0x7F; }

ptrdiff_t NumTags(const Report& comparison) {
  return std::ranges::count(ToPage(comparison), '<') +
         std::ranges::count(ToSvgFile(comparison), '<');
}

void CheckComparison(const Report& comparison) {
  for (const Report& metric : comparison["metrics"]) {
    for (const char* key : {"/a", "/b", "/ratio"}) {
      const double value = Number(metric, key);
      FUZZ_ASSERT(std::isfinite(value) && value > 0);
    }
    if (metric.contains("low")) FUZZ_ASSERT(metric["low"] <= metric["high"]);
  }
  FUZZ_ASSERT(std::ranges::none_of(ToTable(comparison), IsControl));
}

void Check(const std::string& text) {
  const auto report = ParseReport(text, "a.json", kRunSchema);
  if (!report.ok()) {
    FUZZ_ASSERT(absl::IsInvalidArgument(report.status()));
    return;
  }
  const Report nothing = {{"schema", kRunSchema}};
  const Report same = Compare(*report, *report);
  CheckComparison(same);
  CheckComparison(Compare(*report, nothing));
  CheckComparison(Compare(nothing, *report));
  std::string tame = text;
  std::ranges::replace(tame, '<', '(');
  const auto other = ParseReport(tame, "a.json", kRunSchema);
  FUZZ_ASSERT(other.ok());
  FUZZ_ASSERT(NumTags(same) == NumTags(Compare(*other, *other)));
}

}  // namespace
}  // namespace chorus::bench

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  chorus::bench::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
