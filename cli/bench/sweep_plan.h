#pragma once

// Which rates to offer next, to find the knee: the highest rate that the server keeps up with.
//
// Pure. Thread safety: none.

#include <cstddef>
#include <optional>
#include <vector>

namespace chorus::bench {

class SweepPlan {
 public:
  // A server keeps up with a rate if so much of what was sent was good.
  static constexpr double kKeptUp = 0.9;

  // Just those rates.
  explicit SweepPlan(std::vector<double> rates);
  // From `first`, to the knee: doubles or halves until it lies between two rates, and halves what
  // is between them, until they are a tenth apart or less. Then these multiples of it.
  SweepPlan(double first, std::vector<double> multiples);

  // Nothing when all is known.
  std::optional<double> Next() const;

  // What came of Next().
  void Add(bool has_kept_up);

  // The highest rate that was kept up with; 0 if none was.
  double knee() const { return low_; }

 private:
  bool is_searching() const;

  const double first_;               // 0: no search.
  const std::vector<double> fixed_;  // Rates, or multiples of the knee.
  double low_ = 0,
         high_ = 0;        // The highest rate kept up with and the lowest that was not; 0: none.
  double knee_found_ = 0;  // Whose multiples are asked for.
  int num_searched_ = 0;
  size_t next_fixed_ = 0;
};

}  // namespace chorus::bench
