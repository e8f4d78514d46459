#include "runner_server/scheduler/step_time_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace chorus::runner {
namespace {

constexpr double kFreeTokens[] = {0, 4, 8, 16, 32, 64};  // Candidates for T0.
constexpr double kHalfLifeSteps = 128;  // Of what was observed; but a size that is not seen any
constexpr double kMinWeight = 0.01;     // more may be the only one to know what it knows.
constexpr double kMaxWeight = 10;       // Of one size, so that the next step counts for something.
constexpr double kOutlier = 3;          // A step counts as this many times the usual at most,
constexpr double kUsualWeight = 4;      // if there is a usual.
constexpr int kRefitEvery = 8;

using Matrix = std::array<std::array<double, 3>, 3>;
using Vector = std::array<double, 3>;

// Twice an octave for tokens, where the knee of the curve lies; once for attended keys.
std::pair<int, int> Magnitudes(const StepWork& work) {
  return {static_cast<int>(2 * std::log2(std::max<double>(1, work.num_tokens))),
          static_cast<int>(std::log2(std::max<double>(1, work.num_attended)))};
}

// What is left of a weight after `num_steps`.
double Faded(int64_t num_steps) {
  return std::exp2(-static_cast<double>(num_steps) / kHalfLifeSteps);
}

Vector Features(double tokens, double attended, double free_tokens) {
  return {1, std::max(tokens - free_tokens, 0.0), attended};
}

// Solves `a` x = `b` for the unknowns in `chosen`, the others being 0. `a` is a matrix of normal
// equations; NaN where it says nothing about one of them.
Vector SolveFor(unsigned chosen, Matrix a, Vector b) {
  Vector x = {};
  for (int i = 0; i < 3; ++i) {
    if (chosen & (1u << i)) continue;
    a[i] = {};
    for (Vector& row : a) row[i] = 0;
    a[i][i] = 1;
    b[i] = 0;
  }
  for (int i = 0; i < 3; ++i) {
    const double pivot = a[i][i];
    if (!(pivot > 1e-12)) return {std::nan(""), std::nan(""), std::nan("")};
    for (int j = i + 1; j < 3; ++j) {
      const double factor = a[j][i] / pivot;
      for (int k = i; k < 3; ++k) a[j][k] -= factor * a[i][k];
      b[j] -= factor * b[i];
    }
  }
  for (int i = 2; i >= 0; --i) {
    double rest = b[i];
    for (int k = i + 1; k < 3; ++k) rest -= a[i][k] * x[k];
    x[i] = rest / a[i][i];
  }
  return x;
}

}  // namespace

void StepTimeModel::Observe(const StepWork& work, absl::Duration duration) {
  ++num_steps_;
  Bin& bin = bins_[Magnitudes(work)];
  double seconds = std::max(absl::ToDoubleSeconds(duration), 1e-9);
  bin.weight = std::min(bin.weight * Faded(num_steps_ - bin.last_step), kMaxWeight);
  if (bin.weight >= kUsualWeight) seconds = std::min(seconds, kOutlier * bin.seconds);
  bin.weight += 1;
  const double share = 1 / bin.weight;
  bin.tokens += share * (static_cast<double>(work.num_tokens) - bin.tokens);
  bin.attended += share * (static_cast<double>(work.num_attended) - bin.attended);
  bin.seconds += share * (seconds - bin.seconds);
  bin.last_step = num_steps_;
  if (num_steps_ <= 4 * kMinSteps || num_steps_ % kRefitEvery == 0) Refit();
}

void StepTimeModel::Refit() {
  fit_.error = std::numeric_limits<double>::infinity();
  for (const double free_tokens : kFreeTokens) {
    const Fit fit = FitWith(free_tokens);
    if (fit.error < fit_.error) fit_ = fit;
  }
}

// Least squares without negative coefficients: of the solutions over every choice of terms, the
// best that has none.
StepTimeModel::Fit StepTimeModel::FitWith(double free_tokens) const {
  Matrix a = {};
  Vector b = {};
  Vector scale = {};  // Brings the terms to one magnitude.
  double total = 0;
  for (const auto& [key, bin] : bins_) {
    const Vector x = Features(bin.tokens, bin.attended, free_tokens);
    for (int i = 0; i < 3; ++i) scale[i] = std::max(scale[i], x[i] / bin.seconds);
  }
  for (const auto& [key, bin] : bins_) {
    const double weight = std::max(bin.weight * Faded(num_steps_ - bin.last_step), kMinWeight);
    Vector x = Features(bin.tokens, bin.attended, free_tokens);
    for (int i = 0; i < 3; ++i) x[i] /= scale[i] > 0 ? bin.seconds * scale[i] : 1;
    for (int i = 0; i < 3; ++i) {
      for (int k = 0; k < 3; ++k) a[i][k] += weight * x[i] * x[k];
      b[i] += weight * x[i];
    }
    total += weight;
  }
  Fit best = {.free_tokens = free_tokens, .error = std::numeric_limits<double>::infinity()};
  for (unsigned chosen = 1; chosen < 8; ++chosen) {
    const Vector x = SolveFor(chosen, a, b);
    if (!std::all_of(x.begin(), x.end(), [](double value) { return value >= 0; })) continue;
    double error = total;  // Of sum(weight * (x . features - 1)^2), at the minimum.
    for (int i = 0; i < 3; ++i) error -= x[i] * b[i];
    if (error >= best.error) continue;
    best.error = error;
    for (int i = 0; i < 3; ++i) best.coefficients[i] = scale[i] > 0 ? x[i] / scale[i] : 0;
  }
  return best;
}

std::optional<absl::Duration> StepTimeModel::Predict(const StepWork& work) const {
  if (num_steps_ < kMinSteps) return std::nullopt;
  const Vector x = Features(static_cast<double>(work.num_tokens),
                            static_cast<double>(work.num_attended), fit_.free_tokens);
  double seconds = 0;
  for (int i = 0; i < 3; ++i) seconds += fit_.coefficients[i] * x[i];
  return absl::Seconds(seconds);
}

int StepTimeModel::FittingTokens(StepWork work, int num_cached, int max_tokens,
                                 absl::Duration target) const {
  const auto fits = [&](int num_tokens) {
    StepWork more = work;
    more.Add(num_cached, num_tokens);
    const std::optional<absl::Duration> predicted = Predict(more);
    return !predicted.has_value() || *predicted <= target;
  };
  if (fits(max_tokens)) return max_tokens;
  int fitting = 0, too_many = max_tokens;
  while (too_many - fitting > 1) {
    const int middle = fitting + (too_many - fitting) / 2;
    (fits(middle) ? fitting : too_many) = middle;
  }
  return fitting;
}

}  // namespace chorus::runner
