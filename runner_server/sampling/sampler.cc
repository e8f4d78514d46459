#include "runner_server/sampling/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "base/generation_params.h"

namespace chorus::runner {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();

// More are fetched and sorted no faster than all.
constexpr size_t kMostTop = 1024;

// Scans are done in blocks; most hold nothing of interest, and their maximum says so.
constexpr size_t kBlock = 64;
constexpr size_t kLanes = 8;

// The compiler turns the lanes into vector instructions, which the order of a plain loop forbids.
float BlockMax(std::span<const float> block) {
  std::array<float, kLanes> lanes;
  lanes.fill(kLowest);
  size_t i = 0;
  for (; i + kLanes <= block.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float value = block[i + lane];
      lanes[lane] = value > lanes[lane] ? value : lanes[lane];
    }
  }
  for (; i < block.size(); ++i) lanes[0] = block[i] > lanes[0] ? block[i] : lanes[0];
  return *std::max_element(lanes.begin(), lanes.end());
}

}  // namespace

int32_t ArgMax(std::span<const float> logits) {
  size_t best_block = 0;
  float largest = kLowest;
  for (size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const float block_max =
        BlockMax(logits.subspan(begin, std::min(kBlock, logits.size() - begin)));
    if (block_max > largest) {
      largest = block_max;
      best_block = begin;
    }
  }
  const auto found = std::find(logits.begin() + best_block, logits.end(), largest);
  return found == logits.end() ? 0 : static_cast<int32_t>(found - logits.begin());
}

float Sampler::KthLargest(std::span<const float> logits, size_t k) {
  largest_.clear();
  float threshold = kLowest;  // At least k values of largest_ reach it, once there are k.
  const auto shrink = [&] {
    std::nth_element(largest_.begin(), largest_.begin() + (k - 1), largest_.end(),
                     std::greater<float>());
    largest_.resize(k);
    threshold = largest_[k - 1];
  };
  for (size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const auto block = logits.subspan(begin, std::min(kBlock, logits.size() - begin));
    if (BlockMax(block) <= threshold) continue;
    for (const float value : block) {
      if (value > threshold) largest_.push_back(value);
    }
    if (largest_.size() >= 2 * k + kBlock) shrink();
  }
  if (largest_.size() >= k) shrink();
  return threshold;  // With fewer than k values above it, minus infinity: nothing is cut.
}

std::span<const float> Sampler::Penalize(std::span<const float> logits,
                                         std::span<const int32_t> tokens,
                                         double repetition_penalty) {
  if (repetition_penalty == 1) return logits;
  const float penalty = static_cast<float>(repetition_penalty);
  penalized_.assign(logits.begin(), logits.end());
  for (const int32_t id : tokens) {
    if (static_cast<size_t>(id) >= logits.size()) continue;
    const float logit = logits[id];  // Not penalized yet, however often the token is there.
    penalized_[id] = logit < 0 ? logit * penalty : logit / penalty;
  }
  return penalized_;
}

std::span<const Candidate> Sampler::Filter(std::span<const float> logits,
                                           std::span<const int32_t> tokens,
                                           const chorus::v1::GenerationParams& params) {
  logits = Penalize(logits, tokens, params.repetition_penalty());
  const float temperature = static_cast<float>(params.temperature());
  const bool cuts = params.top_k() > 0 && params.top_k() < logits.size();
  // Dividing keeps the order but may make neighbours equal, so ties are looked for after it.
  const float threshold = cuts ? KthLargest(logits, params.top_k()) / temperature : kLowest;
  threshold_ = threshold;
  candidates_.clear();
  for (size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const size_t end = std::min(begin + kBlock, logits.size());
    if (BlockMax(logits.subspan(begin, end - begin)) / temperature < threshold) continue;
    for (size_t id = begin; id < end; ++id) {
      const float score = logits[id] / temperature;
      if (score >= threshold) candidates_.push_back({static_cast<int32_t>(id), score});
    }
  }
  float largest = kLowest;
  for (const Candidate& candidate : candidates_) largest = std::max(largest, candidate.score);
  if (!std::isfinite(largest)) {
    candidates_.assign(1, {ArgMax(logits), 0});
    largest = 0;
  }
  weights_.clear();
  for (const Candidate& candidate : candidates_) {
    weights_.push_back(std::exp(static_cast<double>(candidate.score) - largest));
  }
  if (params.top_p() < 1) KeepTopP(params.top_p());
  if (params.min_p() > 0) KeepMinP(params.min_p());
  return candidates_;
}

// Hugging Face sorts ascending and removes while the cumulative probability is at most 1 - top_p;
// from the other end, a token stays while those likelier than it have not reached top_p. Taking
// them from a heap costs O(n + kept · log n).
void Sampler::KeepTopP(double top_p) {
  const double mass = top_p * std::accumulate(weights_.begin(), weights_.end(), 0.0);
  // Of equal tokens the later counts as likelier, as in a stable ascending sort.
  const auto less_likely = [this](uint32_t a, uint32_t b) {
    return weights_[a] != weights_[b] ? weights_[a] < weights_[b] : a < b;
  };
  heap_.resize(candidates_.size());
  std::iota(heap_.begin(), heap_.end(), 0);
  std::make_heap(heap_.begin(), heap_.end(), less_likely);
  auto end = heap_.end();
  double before = 0;
  do {
    std::pop_heap(heap_.begin(), end, less_likely);
    before += weights_[*--end];
  } while (end != heap_.begin() && before < mass);
  heap_.erase(heap_.begin(), end);
  std::sort(heap_.begin(), heap_.end());
  for (size_t i = 0; i < heap_.size(); ++i) {  // heap_[i] >= i: nothing is overwritten unread.
    candidates_[i] = candidates_[heap_[i]];
    weights_[i] = weights_[heap_[i]];
  }
  candidates_.resize(heap_.size());
  weights_.resize(heap_.size());
}

// The weight of the likeliest is 1, whatever was cut before.
void Sampler::KeepMinP(double min_p) {
  size_t num_kept = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (weights_[i] < min_p) continue;
    candidates_[num_kept] = candidates_[i];
    weights_[num_kept] = weights_[i];
    ++num_kept;
  }
  candidates_.resize(num_kept);
  weights_.resize(num_kept);
}

int32_t Sampler::Sample(std::span<const float> logits, std::span<const int32_t> tokens,
                        const chorus::v1::GenerationParams& params, double random) {
  if (IsGreedy(params)) return ArgMax(Penalize(logits, tokens, params.repetition_penalty()));
  const std::span<const Candidate> candidates = Filter(logits, tokens, params);
  const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  const double target = random * total;
  double cumulative = 0;
  int32_t drawn = candidates.back().id;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (weights_[i] == 0) continue;  // Never drawn, even where rounding leaves the target above.
    drawn = candidates[i].id;
    cumulative += weights_[i];
    if (target < cumulative) break;
  }
  return drawn;
}

std::optional<int32_t> Sampler::SampleTop(std::span<const int32_t> ids,
                                          std::span<const float> logits, bool is_all,
                                          std::span<const int32_t> tokens,
                                          const chorus::v1::GenerationParams& params,
                                          double random) {
  known_.clear();
  for (const int32_t token : tokens) {
    const auto at = std::ranges::lower_bound(ids, token);
    if (at != ids.end() && *at == token) {
      known_.push_back(static_cast<int32_t>(at - ids.begin()));
    }
  }
  // What is not known scores this at most.
  const float others = is_all ? kLowest : std::ranges::min(logits);
  if (IsGreedy(params)) {
    const std::span<const float> scores = Penalize(logits, known_, params.repetition_penalty());
    const int32_t best = ArgMax(scores);
    if (!is_all && scores[best] <= others) return std::nullopt;
    return ids[best];
  }
  const int32_t drawn = Sample(logits, known_, params, random);
  if (!is_all && threshold_ <= others / static_cast<float>(params.temperature())) {
    return std::nullopt;
  }
  return ids[drawn];
}

int NumTopNeeded(const chorus::v1::GenerationParams& params, size_t num_tokens) {
  size_t num = IsGreedy(params) ? 1 : params.top_k();
  if (num == 0) return 0;
  if (params.repetition_penalty() < 1) return 0;           // Raises tokens that may be anywhere.
  if (params.repetition_penalty() > 1) num += num_tokens;  // So many may fall.
  num = std::max<size_t>(num, params.logprobs()) + 1;
  return num <= kMostTop ? static_cast<int>(num) : 0;
}

}  // namespace chorus::runner
