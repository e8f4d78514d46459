#include "cli/command_line.h"

#include <iostream>

#include "absl/time/time.h"
#include "base/string_view.h"
#include "cli/printable.h"

namespace chorus {
namespace {

constexpr int kFailed = 1;

}  // namespace

int Report(const absl::StatusOr<int>& result) {
  if (result.ok()) return *result;
  std::cerr << "chorus: " << Printable(StdView(result.status().message())) << std::endl;
  return kFailed;
}

int Report(const absl::Status& status) {
  return Report(status.ok() ? absl::StatusOr<int>(0) : absl::StatusOr<int>(status));
}

std::string MistakeOfTime(const std::string& text) {
  absl::Duration time;
  const bool is_time = absl::ParseDuration(text, &time) && time >= absl::ZeroDuration() &&
                       time < absl::InfiniteDuration();
  return is_time ? "" : "must be a time such as 30s or 1m30s: " + text;
}

}  // namespace chorus
