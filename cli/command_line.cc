#include "cli/command_line.h"

#include <iostream>
#include <string>

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

bool Confirm(const std::string& question) {
  std::cerr << question << " [y/N] " << std::flush;
  std::string answer;
  return std::getline(std::cin, answer) && (answer.starts_with("y") || answer.starts_with("Y"));
}

}  // namespace chorus
