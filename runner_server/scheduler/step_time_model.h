#pragma once

// Predicts how long a step takes, from the steps that were:
//
//   t = a + b * max(tokens - T0, 0) + c * attended
//
// a: reading the weights once; b: a token's arithmetic, which hides behind that reading up to T0
// tokens; c: a key that a query attends to. None is below zero.
//
// Steps are gathered by size, each size with a running mean, so that a thousand decode steps do not
// make it forget what a prefill costs. A mean follows what is new, and sizes not seen for long
// weigh less and less, so the fit follows a machine whose neighbours come and go; a step that took
// far longer than its size usually does counts as a few times the usual at most. Errors count by
// ratio: a decode step is to be predicted as well as a prefill a hundred times its length.
//
// Thread safety: none; the engine thread owns it.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "absl/time/time.h"

namespace chorus::runner {

// What a step has to do.
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
  // Steps before the first prediction: the first few touch memory for the first time.
  static constexpr int kMinSteps = 16;

  void Observe(const StepWork& work, absl::Duration duration);

  // Nothing until kMinSteps steps were observed.
  std::optional<absl::Duration> Predict(const StepWork& work) const;

  // How many tokens of a sequence that has `num_cached`, at most `max_tokens`, can be added to
  // `work` so that the step takes `target` at most. All of them while nothing can be predicted.
  int FittingTokens(StepWork work, int num_cached, int max_tokens, absl::Duration target) const;

 private:
  // Steps of about one size.
  struct Bin {
    double tokens = 0;  // These three are running means.
    double attended = 0;
    double seconds = 0;
    double weight = 0;  // Steps in them, the old ones faded; as of last_step.
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
