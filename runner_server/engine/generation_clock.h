#pragma once

// Measures the timing of one generation.
//
// Thread safety: none; one for each generation, used by one thread at a time.

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "proto/chorus/v1/generation.pb.h"

namespace chorus::runner {

class GenerationClock {
 public:
  explicit GenerationClock(absl::Time arrived_at) : arrived_at_(arrived_at) {}

  // A step of `batch_size` sequences, this one included.
  void OnStep(absl::Time started_at, int batch_size) {
    if (num_steps_ == 0) first_step_at_ = started_at;
    ++num_steps_;
    sum_batch_sizes_ += batch_size;
    max_batch_size_ = std::max(max_batch_size_, batch_size);
  }

  // A token chosen at `now` in the last step.
  void OnToken(absl::Time now) {
    if (first_token_at_ == absl::InfinitePast()) first_token_at_ = now;
    last_token_at_ = now;
  }

  // Call after the first token. Never negative, also if the wall clock was set back.
  chorus::v1::GenerationTiming timing() const {
    const auto between = [](absl::Time begin, absl::Time end) {
      return absl::ToDoubleSeconds(std::max(end - begin, absl::ZeroDuration()));
    };
    chorus::v1::GenerationTiming timing;
    timing.set_queue_seconds(between(arrived_at_, first_step_at_));
    timing.set_prefill_seconds(between(first_step_at_, first_token_at_));
    timing.set_decode_seconds(between(first_token_at_, last_token_at_));
    timing.set_mean_batch_size(static_cast<double>(sum_batch_sizes_) / num_steps_);
    timing.set_max_batch_size(max_batch_size_);
    return timing;
  }

 private:
  const absl::Time arrived_at_;
  absl::Time first_step_at_;
  absl::Time first_token_at_ = absl::InfinitePast();
  absl::Time last_token_at_;
  int num_steps_ = 0;
  int64_t sum_batch_sizes_ = 0;
  int max_batch_size_ = 0;
};

}  // namespace chorus::runner
