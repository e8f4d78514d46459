#include "cli/bench/report/slo.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace chorus::bench {

absl::StatusOr<Slo> Slo::Parse(const std::string& text) {
  Slo slo;
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(text, ','))) {
    const size_t equals = part.find('=');
    const std::string name = part.substr(0, equals);
    absl::Duration time;
    const bool is_time = equals != std::string::npos &&
                         absl::ParseDuration(part.substr(equals + 1), &time) &&
                         time > absl::ZeroDuration();
    std::optional<absl::Duration>* limit = name == "ttft"  ? &slo.ttft
                                           : name == "itl" ? &slo.itl
                                           : name == "e2e" ? &slo.e2e
                                                           : nullptr;
    if (limit == nullptr || !is_time || limit->has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("must be times of ttft, itl and e2e, such as ttft=200ms,e2e=2s: ", part));
    }
    *limit = time;
  }
  return slo;
}

bool Slo::Met(const CallRecord& record) const {
  if (record.outcome != Outcome::kOk) return false;
  if (e2e && record.end - record.due > *e2e) return false;
  absl::Duration first = absl::InfiniteDuration();
  for (const TextTimes& text : record.texts) {
    if (text.num_tokens == 0) continue;
    first = std::min(first, text.first_token - record.due);
    if (itl && text.num_tokens > 1 &&
        text.last_token - text.first_token > *itl * (text.num_tokens - 1)) {
      return false;
    }
  }
  return !ttft || first <= *ttft;
}

}  // namespace chorus::bench
