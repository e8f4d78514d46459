#include "runner_server/sampling/logit_edits.h"

#include <algorithm>
#include <limits>

namespace chorus::runner {
namespace {

bool RulesOutEnds(const chorus::v1::GenerationParams& params, size_t num_generated) {
  return num_generated < params.min_new_tokens() && !params.ignore_eos();
}

bool HasPenalty(const chorus::v1::GenerationParams& params) {
  return params.frequency_penalty() != 0 || params.presence_penalty() != 0;
}

}  // namespace

bool EditsLogits(const chorus::v1::GenerationParams& params, size_t num_generated) {
  return params.logit_bias_size() > 0 || (HasPenalty(params) && num_generated > 0) ||
         RulesOutEnds(params, num_generated);
}

std::span<const float> EditLogits(std::span<const float> logits, std::span<const int32_t> generated,
                                  std::span<const int32_t> end_tokens,
                                  const chorus::v1::GenerationParams& params,
                                  std::vector<float>& edited) {
  if (!EditsLogits(params, generated.size())) return logits;
  edited.assign(logits.begin(), logits.end());
  const auto has_logit = [&](int32_t id) { return static_cast<size_t>(id) < edited.size(); };
  for (const chorus::v1::TokenBias& entry : params.logit_bias()) {
    if (has_logit(entry.id())) edited[entry.id()] += static_cast<float>(entry.bias());
  }
  if (HasPenalty(params)) {
    std::vector<int32_t> ids(generated.begin(), generated.end());
    std::ranges::sort(ids);
    for (auto begin = ids.begin(); begin != ids.end();) {
      const auto end = std::find_if(begin, ids.end(), [&](int32_t id) { return id != *begin; });
      const auto count = static_cast<double>(end - begin);
      if (has_logit(*begin)) {
        edited[*begin] -=
            static_cast<float>(count * params.frequency_penalty() + params.presence_penalty());
      }
      begin = end;
    }
  }
  if (RulesOutEnds(params, generated.size())) {
    for (const int32_t id : end_tokens) {
      if (has_logit(id)) edited[id] = -std::numeric_limits<float>::infinity();
    }
  }
  return edited;
}

}  // namespace chorus::runner
