#include "cli/bench/report/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace chorus::bench {
namespace {

constexpr double kUnit = 1e-7;  // Seconds.
constexpr double kMost = 86400;
constexpr uint64_t kMaxCount = uint64_t{1} << 48;  // Of a file: sums of a thousand are exact.
constexpr int kBits = 7;                           // Each doubling has 2^kBits buckets.

// Values below 2^kBits units have a bucket each.
size_t IndexOf(double seconds) {
  const auto value = static_cast<uint64_t>(std::clamp(seconds, 0.0, kMost) / kUnit);
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - kBits - 1);
  return (static_cast<size_t>(shift) << kBits) + static_cast<size_t>(value >> shift);
}

// The middle of a bucket.
double SecondsOf(size_t index) {
  if (index < size_t{2} << kBits) return (static_cast<double>(index) + 0.5) * kUnit;
  const size_t shift = (index >> kBits) - 1;
  const size_t value = index - (shift << kBits);
  return std::ldexp(static_cast<double>(value) + 0.5, static_cast<int>(shift)) * kUnit;
}

// What a table can show of it.
double Rounded(double seconds) { return std::round(seconds * 1e7) / 1e7; }

}  // namespace

void Histogram::Add(double seconds, uint64_t count) {
  if (count == 0) return;
  const size_t index = IndexOf(seconds);
  if (index >= buckets_.size()) buckets_.resize(index + 1);
  buckets_[index] += count;
  min_ = count_ == 0 ? seconds : std::min(min_, seconds);
  max_ = count_ == 0 ? seconds : std::max(max_, seconds);
  count_ += count;
  sum_ += seconds * static_cast<double>(count);
}

void Histogram::Add(const Histogram& other, uint64_t times) {
  if (other.count_ == 0 || times == 0) return;
  if (other.buckets_.size() > buckets_.size()) buckets_.resize(other.buckets_.size());
  for (size_t i = 0; i < other.buckets_.size(); ++i) buckets_[i] += other.buckets_[i] * times;
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
  count_ += other.count_ * times;
  sum_ += other.sum_ * static_cast<double>(times);
}

double Histogram::Quantile(double q) const {
  if (count_ == 0) return 0;
  const auto rank =
      static_cast<uint64_t>(std::max(1.0, std::ceil(q * static_cast<double>(count_) - 1e-9)));
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::clamp(SecondsOf(i), min_, max_);
  }
  return max_;
}

nlohmann::ordered_json Histogram::Summary() const {
  return {{"count", count_},
          {"mean", Rounded(mean())},
          {"min", Rounded(min_)},
          {"p50", Rounded(Quantile(0.5))},
          {"p75", Rounded(Quantile(0.75))},
          {"p90", Rounded(Quantile(0.9))},
          {"p95", Rounded(Quantile(0.95))},
          {"p99", Rounded(Quantile(0.99))},
          {"p999", Rounded(Quantile(0.999))},
          {"max", Rounded(max_)}};
}

nlohmann::ordered_json Histogram::Buckets() const {
  auto buckets = nlohmann::ordered_json::array();
  for (size_t i = 0; i < buckets_.size(); ++i) {
    if (buckets_[i] == 0) continue;
    buckets.push_back({std::round(SecondsOf(i) * 1e8) / 1e8, buckets_[i]});
  }
  return buckets;
}

Histogram Histogram::FromBuckets(const nlohmann::ordered_json& buckets) {
  Histogram histogram;
  for (const auto& bucket : buckets) {
    if (!bucket.is_array() || bucket.size() != 2 || !bucket[0].is_number() ||
        !bucket[1].is_number_unsigned()) {
      return {};
    }
    const auto seconds = bucket[0].get<double>();
    const auto count = bucket[1].get<uint64_t>();
    if (!(seconds >= 0 && seconds <= 2 * kMost) || count > kMaxCount - histogram.count()) return {};
    histogram.Add(seconds, count);
  }
  return histogram;
}

}  // namespace chorus::bench
