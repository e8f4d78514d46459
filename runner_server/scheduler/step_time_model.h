#pragma once

// Predicts the duration of a step from past steps:
//
//   t = a + b * max(tokens - T0, 0) + c * attended
//
// a: reading the weights once; b: a token's arithmetic, hidden behind that reading up to T0 tokens;
// c: a key that a query attends to. All >= 0.
//
// Steps are binned by size, each bin with a running mean, so that many decode steps do not outweigh
// rare prefills. Means follow recent steps and old bins fade, so that the fit adapts to a changing
// machine; outliers are clipped to a few times the usual. Errors are relative: a decode step is
// predicted as well as a prefill a hundred times as long.
//
// Thread safety: none; used by the engine thread.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "absl/time/time.h"

namespace chorus::runner {

// The work of a step.
struct StepWork {
  int64_t num_tokens = 0;
  int64_t num_attended = 0;  // Keys attended to, summed over the tokens' queries.

  // Adds `num_new` tokens of a sequence that has `num_cached`.
  constexpr void Add(int64_t num_cached, int64_t num_new) {
    num_tokens += num_new;
    num_attended += num_new * num_cached + num_new * (num_new + 1) / 2;
  }
};

class StepTimeModel {
 public:
  // Steps before the first prediction; the first ones touch memory for the first time.
  static constexpr int kMinSteps = 16;

  void Observe(const StepWork& work, absl::Duration duration);

  // Nothing until kMinSteps steps were observed.
  std::optional<absl::Duration> Predict(const StepWork& work) const;

  // How many tokens, at most `max_tokens`, of a sequence with `num_cached` can be added to `work`
  // within `target`. `max_tokens` while there is no prediction.
  int FittingTokens(StepWork work, int num_cached, int max_tokens, absl::Duration target) const;

 private:
  // Steps of about one size.
  struct Bin {
    double tokens = 0;  // These three are running means.
    double attended = 0;
    double seconds = 0;
    double weight = 0;  // Number of steps, faded, as of last_step.
    int64_t last_step = 0;
  };
  struct Fit {
    double free_tokens = 0;  // T0
    std::array<double, 3> coefficients = {};
    double error = 0;  // Weighted sum of squared ratios.
  };
  using BinKey = std::pair<int, int>;  // Tokens and attended keys, by magnitude.

  void Refit();
  Fit FitWith(double free_tokens) const;

  std::map<BinKey, Bin> bins_;
  int64_t num_steps_ = 0;
  Fit fit_;
};

}  // namespace chorus::runner
