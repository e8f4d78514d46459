#include "cli/bench/sweep_plan.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace chorus::bench {
namespace {

constexpr double kNearEnough = 1.1;
constexpr int kMostTries = 24;

}  // namespace

SweepPlan::SweepPlan(std::vector<double> rates) : first_(0), fixed_(std::move(rates)) {}

SweepPlan::SweepPlan(double first, std::vector<double> multiples)
    : first_(first), fixed_(std::move(multiples)) {}

bool SweepPlan::is_searching() const {
  if (first_ == 0 || num_searched_ == kMostTries) return false;
  return low_ == 0 || high_ == 0 || high_ / low_ > kNearEnough;
}

std::optional<double> SweepPlan::Next() const {
  if (is_searching()) {
    if (low_ > 0 && high_ > 0) return std::sqrt(low_ * high_);
    return low_ > 0 ? low_ * 2 : high_ > 0 ? high_ / 2 : first_;
  }
  const double unit = first_ == 0 ? 1 : knee_found_;
  if (next_fixed_ == fixed_.size() || unit == 0) return std::nullopt;
  return fixed_[next_fixed_] * unit;
}

void SweepPlan::Add(bool has_kept_up) {
  const double rate = *Next();
  const bool was_searching = is_searching();
  if (has_kept_up) {
    low_ = std::max(low_, rate);
  } else {
    high_ = high_ == 0 ? rate : std::min(high_, rate);
  }
  if (was_searching) {
    ++num_searched_;
    knee_found_ = low_;
  } else {
    ++next_fixed_;
  }
}

}  // namespace chorus::bench
