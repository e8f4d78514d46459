#pragma once

// Quantiles of the durations of about the last minute, in bounded memory (4 KiB): a logarithmic
// histogram for each of a few slices of time, the oldest of which is dropped.
//
// Thread safety: none; guarded by NodeStats' mutex. An earlier `now` counts as the latest one seen.

#include <array>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace chorus::gateway {

class WindowedQuantiles {
 public:
  static constexpr absl::Duration kSlice = absl::Seconds(10);
  static constexpr int kNumSlices = 6;  // Covers the last 50 to 60 s.

  // Durations are clamped to 0.1 ms and 1,000 s.
  void Add(absl::Duration duration, absl::Time now);

  // How many were added within the window.
  uint32_t Count(absl::Time now);

  // The `q`-quantile, `q` in [0, 1], to within 5 %; unset if the window is empty.
  std::optional<absl::Duration> Quantile(double q, absl::Time now);

 private:
  // Eight buckets to each doubling: 0.1 ms * 2^(187 / 8) is 1,088 s.
  static constexpr int kBucketsPerDoubling = 8;
  static constexpr int kNumBuckets = 188;
  using Histogram = std::array<uint32_t, kNumBuckets>;

  static int BucketOf(absl::Duration duration);
  // Clears the slices that left the window.
  void Advance(absl::Time now);

  std::array<Histogram, kNumSlices> slices_ = {};
  int64_t newest_ =
      0;  // Number of the newest slice since the epoch; slices_[newest_ % kNumSlices].
};

}  // namespace chorus::gateway
