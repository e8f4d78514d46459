#pragma once

// What a load has measured: counts, rates and histograms, in all, by branch and over time.
//
// Calls that were due in the measured time count, however late they ended. In a closed loop, where
// calls of many seconds come in waves, rates would depend on where in a wave the time begins and
// ends: there a call counts by the part of its time that is within it.
//
// Thread safety: none.

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cli/bench/load/load.h"
#include "cli/bench/report/histogram.h"
#include "cli/bench/report/slo.h"

namespace chorus::bench {

class Measurement : public LoadObserver {
 public:
  Measurement(const Slo& slo, bool is_open) : slo_(slo), is_open_(is_open) {}

  void OnBegin(absl::Duration begin, absl::Duration end) override;
  void OnCall(const CallRecord& record) override;
  void OnTick(absl::Duration now, int num_in_flight) override {}
  void OnEnd(absl::Duration end) override;

  // After OnEnd: the keys "seconds" to "slices" of a report, as docs/load.md describes them.
  nlohmann::ordered_json ToJson() const;

  // So far.
  uint64_t num_ok() const { return count(Outcome::kOk); }
  uint64_t num_calls() const { return num_calls_; }
  const Histogram& end_to_end() const { return end_to_end_; }

 private:
  struct Branch {
    uint64_t num_texts = 0, num_tokens = 0;
    Histogram ttft, itl, last_token, score;
  };
  struct Slice {
    uint64_t num_calls = 0, num_ok = 0, num_good = 0, num_tokens = 0;
    Histogram end_to_end, ttft, itl;
    void Add(const Slice& other);
  };

  uint64_t count(Outcome outcome) const { return counts_[static_cast<size_t>(outcome)]; }
  double Weight(const CallRecord& record) const;
  void AddTimes(const CallRecord& record, bool is_good);
  Slice& SliceAt(absl::Duration since_begin);
  nlohmann::ordered_json SlicesJson() const;

  const Slo slo_;
  const bool is_open_;
  absl::Duration begin_, end_ = absl::InfiniteDuration();
  double cpu_at_begin_ = 0, cpu_at_end_ = 0;  // Of this process.
  uint64_t num_calls_ = 0, num_good_ = 0;
  uint64_t counts_[5] = {};
  double weight_calls_ = 0, weight_ok_ = 0, weight_good_ = 0, weight_tokens_ = 0;
  std::map<std::string, uint64_t> statuses_;
  std::map<std::string, std::string> messages_;  // The first of each status.
  Histogram end_to_end_, ttft_, ttft_all_, itl_, refusal_, lateness_;
  std::map<std::string, Branch> branches_;
  absl::Duration slice_length_;
  std::vector<Slice> slices_;
};

}  // namespace chorus::bench
