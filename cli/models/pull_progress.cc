#include "cli/models/pull_progress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/string_view.h"
#include "cli/table.h"

namespace chorus {
namespace {

constexpr absl::Duration kTerminalInterval = absl::Milliseconds(100);
constexpr absl::Duration kLineInterval = absl::Seconds(10);
constexpr absl::Duration kLeastTimed = absl::Milliseconds(50);  // Below, a speed says nothing.
constexpr char kClearLine[] = "\r\033[K";

}  // namespace

PullProgress::PullProgress(std::ostream& out, bool terminal, std::function<absl::Duration()> now)
    : out_(out), terminal_(terminal), now_(std::move(now)) {}

PullProgress::~PullProgress() {
  if (counting_) out_ << std::endl;
}

void PullProgress::OnWait() { Line("another process pulls the same model; waiting for it"); }

void PullProgress::OnNoLocks(std::string_view error) {
  Line(absl::StrCat("warning: ", AbslView(error),
                    "; what another process pulls at the same time is fetched twice"));
}

void PullProgress::OnFile(std::string_view name, int64_t size_bytes, int64_t done_bytes) {
  name_ = absl::CHexEscape(AbslView(name));
  size_bytes_ = size_bytes;
  done_bytes_ = done_bytes;
  fetched_bytes_ = 0;
  begun_ = last_shown_ = now_();
  if (done_bytes > 0 && done_bytes < size_bytes) {
    Line(absl::StrCat(name_, ": going on after ", FormatSize(done_bytes), " of ",
                      FormatSize(size_bytes)));
  }
}

void PullProgress::OnBytes(int64_t done_bytes) {
  fetched_bytes_ += std::max<int64_t>(0, done_bytes - done_bytes_);
  done_bytes_ = done_bytes;
  const absl::Duration now = now_();
  if (now - last_shown_ < (terminal_ ? kTerminalInterval : kLineInterval)) return;
  last_shown_ = now;
  Count();
}

void PullProgress::Count() {
  const double percent =
      size_bytes_ == 0 ? 100
                       : 100 * static_cast<double>(done_bytes_) / static_cast<double>(size_bytes_);
  const std::string text = absl::StrFormat("%s: %d%% of %s%s", name_, static_cast<int>(percent),
                                           FormatSize(size_bytes_), Speed());
  if (!terminal_) return Line(text);
  out_ << kClearLine << text << std::flush;
  counting_ = true;
}

void PullProgress::OnFileDone() {
  Line(absl::StrCat(name_, ": ", FormatSize(size_bytes_), fetched_bytes_ > 0 ? Speed() : ""));
}

void PullProgress::OnRetry(std::string_view error, absl::Duration delay) {
  Line(absl::StrCat(AbslView(error), "; trying again in ",
                    absl::FormatDuration(absl::Ceil(delay, absl::Milliseconds(100)))));
}

std::string PullProgress::Speed() const {
  const absl::Duration time = now_() - begun_;
  if (time < kLeastTimed) return "";
  const double rate = static_cast<double>(fetched_bytes_) / absl::ToDoubleSeconds(time);
  return absl::StrCat(", ", FormatSize(static_cast<int64_t>(rate)), "/s");
}

void PullProgress::Line(const std::string& text) {
  if (std::exchange(counting_, false)) out_ << kClearLine;
  out_ << text << std::endl;
}

}  // namespace chorus
