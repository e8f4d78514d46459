#include "api_server/graph/windowed_quantiles.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace chorus::gateway {
namespace {

constexpr absl::Duration kShortest = absl::Microseconds(100);

}  // namespace

void WindowedQuantiles::Add(absl::Duration duration, absl::Time now) {
  Advance(now);
  ++slices_[newest_ % kNumSlices][BucketOf(duration)];
}

uint32_t WindowedQuantiles::Count(absl::Time now) {
  Advance(now);
  uint32_t count = 0;
  for (const Histogram& slice : slices_) {
    count = std::accumulate(slice.begin(), slice.end(), count);
  }
  return count;
}

std::optional<absl::Duration> WindowedQuantiles::Quantile(double q, absl::Time now) {
  const uint32_t count = Count(now);
  if (count == 0) return std::nullopt;
  const uint32_t rank = std::max(1u, static_cast<uint32_t>(std::ceil(q * count)));
  uint32_t seen = 0;
  int bucket = 0;
  for (; bucket < kNumBuckets; ++bucket) {
    for (const Histogram& slice : slices_) seen += slice[bucket];
    if (seen >= rank) break;
  }
  // The middle of the bucket, in the sense that its ends are equally far off in per cent.
  return kShortest * std::exp2((bucket + 0.5) / kBucketsPerDoubling);
}

int WindowedQuantiles::BucketOf(absl::Duration duration) {
  const double ratio = absl::FDivDuration(duration, kShortest);
  if (ratio <= 1) return 0;
  return static_cast<int>(std::min(std::log2(ratio) * kBucketsPerDoubling, kNumBuckets - 1.0));
}

void WindowedQuantiles::Advance(absl::Time now) {
  const int64_t slice = std::max(int64_t{0}, (now - absl::UnixEpoch()) / kSlice);
  if (slice <= newest_) return;
  for (int64_t i = std::max(newest_ + 1, slice - kNumSlices + 1); i <= slice; ++i) {
    slices_[i % kNumSlices].fill(0);
  }
  newest_ = slice;
}

}  // namespace chorus::gateway
