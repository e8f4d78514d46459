#pragma once

// Tells how a load goes while it runs: on a terminal a line that is written over every second, else
// one every ten seconds.
//
// Thread safety: none.

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/time/time.h"
#include "cli/bench/load/load.h"
#include "cli/bench/report/histogram.h"

namespace chorus::bench {

class Progress : public LoadObserver {
 public:
  // All but OnTick is passed on to `measured`. `out` and `measured` must outlive it.
  Progress(std::ostream& out, bool is_terminal, LoadObserver& measured)
      : out_(out), is_terminal_(is_terminal), measured_(measured) {}

  void OnBegin(absl::Duration begin, absl::Duration end) override;
  void OnCall(const CallRecord& record) override;
  void OnTick(absl::Duration now, int num_in_flight) override;
  void OnEnd(absl::Duration end) override;

  // Call after the load has run: leaves the terminal's line empty.
  void Finish();

 private:
  std::string Line(absl::Duration now, int num_in_flight) const;

  std::ostream& out_;
  const bool is_terminal_;
  LoadObserver& measured_;
  absl::Duration begin_, end_, last_shown_;
  uint64_t num_ok_ = 0, num_not_ok_ = 0;  // Since the last line.
  Histogram end_to_end_;                  // Likewise.
};

}  // namespace chorus::bench
