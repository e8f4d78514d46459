#pragma once

// Counts of times, in buckets whose width is 1/128 of what they hold: a quantile is true to 0.4 %.
//
// Thread safety: none.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

namespace chorus::bench {

class Histogram {
 public:
  // `seconds` below 0 count as 0; above a day, as a day.
  void Add(double seconds, uint64_t count = 1);
  void Add(const Histogram& other, uint64_t times = 1);

  uint64_t count() const { return count_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  double min() const { return min_; }  // Exact, as the following; 0 of nothing.
  double max() const { return max_; }

  // The least time that at least the fraction `q` of all is not above; 0 of nothing.
  double Quantile(double q) const;

  // {"count", "mean", "min", "p50", ... "p999", "max"} in seconds.
  nlohmann::ordered_json Summary() const;
  // The buckets that are not empty: [[seconds, count], ...].
  nlohmann::ordered_json Buckets() const;
  // The inverse; empty where it is none.
  static Histogram FromBuckets(const nlohmann::ordered_json& buckets);

 private:
  std::vector<uint64_t> buckets_;  // Up to the last that is not empty.
  uint64_t count_ = 0;
  double sum_ = 0, min_ = 0, max_ = 0;
};

}  // namespace chorus::bench
