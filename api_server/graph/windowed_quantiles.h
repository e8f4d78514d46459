#pragma once

// Quantiles of the durations of the last minute or so, in bounded memory (4 KiB): a histogram with
// logarithmic buckets for each of a few slices of time, the oldest of which is given up as time
// goes on.
//
// Thread safety: none; NodeStats holds its lock. Time may stand still but is never taken back: an
// earlier `now` counts as the latest one seen.

#include <array>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace chorus {

class WindowedQuantiles {
 public:
  static constexpr absl::Duration kSlice = absl::Seconds(10);
  static constexpr int kNumSlices = 6;  // What is told covers the last 50 to 60 s.

  // Durations below 0.1 ms count as that, those above 1,000 s likewise.
  void Add(absl::Duration duration, absl::Time now);

  // How many were added within the window.
  uint32_t Count(absl::Time now);

  // The duration that a share `q` of them, in [0, 1], do not exceed, to within 5%; none when there
  // are none.
  std::optional<absl::Duration> Quantile(double q, absl::Time now);

 private:
  // Eight buckets to each doubling: 0.1 ms * 2^(187 / 8) is 1,088 s.
  static constexpr int kBucketsPerDoubling = 8;
  static constexpr int kNumBuckets = 188;
  using Histogram = std::array<uint32_t, kNumBuckets>;

  static int BucketOf(absl::Duration duration);
  // Empties the slices that the window has left behind.
  void Advance(absl::Time now);

  std::array<Histogram, kNumSlices> slices_ = {};
  int64_t newest_ =
      0;  // Number of the newest slice since the epoch; slices_[newest_ % kNumSlices].
};

}  // namespace chorus
