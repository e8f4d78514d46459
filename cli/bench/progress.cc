#include "cli/bench/progress.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/bench/report/svg_plot.h"
#include "cli/monotonic_clock.h"

namespace chorus::bench {
namespace {

constexpr absl::Duration kTerminalInterval = absl::Seconds(1);
constexpr absl::Duration kLineInterval = absl::Seconds(10);
constexpr char kClearLine[] = "\r\033[K";

}  // namespace

void Progress::OnBegin(absl::Duration begin, absl::Duration end) {
  begin_ = begin;
  end_ = end;
  last_shown_ = MonotonicNow();
  measured_.OnBegin(begin, end);
}

void Progress::OnCall(const CallRecord& record) {
  if (record.outcome == Outcome::kOk) {
    ++num_ok_;
    end_to_end_.Add(absl::ToDoubleSeconds(record.end - record.due));
  } else {
    ++num_not_ok_;
  }
  measured_.OnCall(record);
}

void Progress::OnEnd(absl::Duration end) { measured_.OnEnd(end); }

void Progress::OnTick(absl::Duration now, int num_in_flight) {
  if (now - last_shown_ < (is_terminal_ ? kTerminalInterval : kLineInterval)) return;
  out_ << (is_terminal_ ? kClearLine : "") << Line(now, num_in_flight) << (is_terminal_ ? "" : "\n")
       << std::flush;
  last_shown_ = now;
  num_ok_ = num_not_ok_ = 0;
  end_to_end_ = Histogram();
}

std::string Progress::Line(absl::Duration now, int num_in_flight) const {
  std::string line;
  if (now < begin_) {
    line = "warming up";
  } else {
    line = absl::StrFormat("%.0f", absl::ToDoubleSeconds(now - begin_));
    if (end_ < absl::InfiniteDuration()) {
      absl::StrAppendFormat(&line, " of %.0f", absl::ToDoubleSeconds(end_ - begin_));
    }
    line += " s";
  }
  absl::StrAppendFormat(&line, ": %.4g calls/s ok",
                        static_cast<double>(num_ok_) / absl::ToDoubleSeconds(now - last_shown_));
  if (end_to_end_.count() > 0) {
    absl::StrAppend(&line, ", p50 ", FormatSeconds(end_to_end_.Quantile(0.5)), ", p99 ",
                    FormatSeconds(end_to_end_.Quantile(0.99)));
  }
  if (num_not_ok_ > 0) absl::StrAppend(&line, ", ", num_not_ok_, " not ok");
  return absl::StrCat(line, ", ", num_in_flight, " in flight");
}

void Progress::Finish() {
  if (is_terminal_) out_ << kClearLine << std::flush;
}

}  // namespace chorus::bench
