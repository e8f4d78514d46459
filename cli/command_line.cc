#include "cli/command_line.h"

#include <iostream>

namespace chorus {
namespace {

constexpr int kFailed = 1;

}  // namespace

int Report(const absl::StatusOr<int>& result) {
  if (result.ok()) return *result;
  std::cerr << "chorus: " << result.status().message() << std::endl;
  return kFailed;
}

int Report(const absl::Status& status) {
  return Report(status.ok() ? absl::StatusOr<int>(0) : absl::StatusOr<int>(status));
}

}  // namespace chorus
