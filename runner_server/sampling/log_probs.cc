#include "runner_server/sampling/log_probs.h"

#include <algorithm>
#include <cmath>

namespace chorus::runner {
namespace {

// Their logits for now. Most tokens are less likely than all of the top, and cost one comparison.
std::vector<LogProb> TopLogits(std::span<const float> logits, size_t num_top) {
  std::vector<LogProb> top;
  if (num_top == 0) return top;
  top.reserve(num_top + 1);
  for (size_t id = 0; id < logits.size(); ++id) {
    const double logit = logits[id];
    if (std::isnan(logit) || (top.size() == num_top && logit <= top.back().value)) continue;
    const auto after =
        std::upper_bound(top.begin(), top.end(), logit,
                         [](double logit, const LogProb& other) { return logit > other.value; });
    top.insert(after, {static_cast<int32_t>(id), logit});
    if (top.size() > num_top) top.pop_back();
  }
  return top;
}

}  // namespace

LogProbs ComputeLogProbs(std::span<const float> logits, int32_t chosen, size_t num_top) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (const float logit : logits) total += std::exp(logit - largest);
  return ComputeLogProbs(logits, largest + std::log(total), chosen, num_top);
}

LogProbs ComputeLogProbs(std::span<const float> logits, double log_total, int32_t chosen,
                         size_t num_top) {
  LogProbs result = {{chosen, logits[chosen] - log_total}, TopLogits(logits, num_top)};
  for (LogProb& token : result.top) token.value -= log_total;
  return result;
}

}  // namespace chorus::runner
