#include "api_server/graph/generate_overrides.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/utf8.h"

namespace chorus {
namespace {

constexpr size_t kMaxStopStrings = 16;
constexpr size_t kMaxStopBytes = 1024;
constexpr uint32_t kMaxSequences = 64;
constexpr uint32_t kMaxTopLogprobs = 20;

class Problems {
 public:
  template <typename... Parts>
  void Unless(bool in_range, std::string field, const Parts&... parts) {
    if (!in_range) problems_.push_back({std::move(field), absl::StrCat(parts...)});
  }
  std::vector<FieldProblem> Take() { return std::move(problems_); }

 private:
  std::vector<FieldProblem> problems_;
};

void CheckStopStrings(const std::vector<std::string>& stop, Problems& problems) {
  problems.Unless(stop.size() <= kMaxStopStrings, "stop", "must have at most ", kMaxStopStrings,
                  " entries: ", stop.size());
  for (size_t i = 0; i < stop.size(); ++i) {
    const size_t size = stop[i].size();
    const std::string field = absl::StrCat("stop[", i, "]");
    problems.Unless(size >= 1 && size <= kMaxStopBytes, field, "must have 1 to ", kMaxStopBytes,
                    " bytes: ", size);
    problems.Unless(IsValidUtf8(stop[i]), field, "must be UTF-8");
  }
}

}  // namespace

std::vector<FieldProblem> CheckRanges(const GenerateOverrides& overrides) {
  Problems problems;
  const auto is_positive = [](double x) { return x > 0 && std::isfinite(x); };
  problems.Unless(overrides.max_length != 0u, "max_length", "must be at least 1: 0");
  problems.Unless(overrides.max_new_tokens != 0u, "max_new_tokens", "must be at least 1: 0");
  const double temperature = overrides.temperature.value_or(1);
  // Where nothing is drawn, it does not matter.
  const bool counts = overrides.do_sample.value_or(true);
  problems.Unless(
      std::isfinite(temperature) && (temperature >= 0 || !counts), "temperature",
      "must be finite and at least 0 (0 takes the likeliest token each time): ", temperature);
  const double top_p = overrides.top_p.value_or(1);
  problems.Unless(top_p > 0 && top_p <= 1, "top_p",
                  "must be greater than 0 and at most 1: ", top_p);
  const double min_p = overrides.min_p.value_or(0);
  problems.Unless(min_p >= 0 && min_p <= 1, "min_p", "must be 0 to 1: ", min_p);
  const double penalty = overrides.repetition_penalty.value_or(1);
  problems.Unless(is_positive(penalty), "repetition_penalty",
                  "must be finite and greater than 0: ", penalty);
  CheckStopStrings(overrides.stop, problems);
  const uint32_t num_sequences = overrides.num_return_sequences.value_or(1);
  problems.Unless(num_sequences >= 1 && num_sequences <= kMaxSequences, "num_return_sequences",
                  "must be 1 to ", kMaxSequences, ": ", num_sequences);
  const uint32_t top_logprobs = overrides.top_logprobs.value_or(0);
  problems.Unless(top_logprobs <= kMaxTopLogprobs, "logprobs", "must be at most ", kMaxTopLogprobs,
                  ": ", top_logprobs);
  return problems.Take();
}

GenerateParams Override(GenerateParams params, const GenerateOverrides& overrides) {
  if (overrides.max_length) {
    params.max_length = *overrides.max_length;
    params.max_new_tokens = std::nullopt;
  }
  if (overrides.max_new_tokens) params.max_new_tokens = overrides.max_new_tokens;
  params.do_sample = overrides.do_sample.value_or(params.do_sample);
  params.temperature = overrides.temperature.value_or(params.temperature);
  if (params.temperature == 0) params.do_sample = false;
  params.top_k = overrides.top_k.value_or(params.top_k);
  params.top_p = overrides.top_p.value_or(params.top_p);
  params.min_p = overrides.min_p.value_or(params.min_p);
  params.repetition_penalty = overrides.repetition_penalty.value_or(params.repetition_penalty);
  if (!overrides.stop.empty()) params.stop = overrides.stop;
  params.ignore_eos = overrides.ignore_eos.value_or(params.ignore_eos);
  params.split_special_tokens =
      overrides.split_special_tokens.value_or(params.split_special_tokens);
  params.seed = overrides.seed.value_or(params.seed);
  if (overrides.top_logprobs) params.top_logprobs = overrides.top_logprobs;
  return params;
}

}  // namespace chorus
