#include "api_server/front/call_fields.h"

#include <algorithm>
#include <cstdint>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace chorus {
namespace {

bool IsRequestId(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  });
}

std::string MakeRequestId() {
  thread_local std::mt19937_64 random = [] {
    std::random_device device;
    std::seed_seq seed = {device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad16), absl::Hex(random(), absl::kZeroPad16));
}

}  // namespace

std::string TakeRequestId(std::string_view offered) {
  return IsRequestId(offered) ? std::string(offered) : MakeRequestId();
}

std::string TakeTraceparent(std::string_view offered) {
  // 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
  constexpr std::string_view kShape = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  if (offered.size() != kShape.size()) return "";
  for (size_t i = 0; i < kShape.size(); ++i) {
    const bool is_digit = absl::ascii_isxdigit(offered[i]) && !absl::ascii_isupper(offered[i]);
    if (kShape[i] == 'x' ? !is_digit : offered[i] != kShape[i]) return "";
  }
  const auto is_zero = [&](size_t begin, size_t size) {
    return offered.substr(begin, size).find_first_not_of('0') == std::string_view::npos;
  };
  if (is_zero(3, 32) || is_zero(36, 16)) return "";
  return std::string(offered);
}

absl::StatusOr<absl::Time> TakeDeadline(const HttpRequest& request, absl::Time arrival,
                                        absl::Duration max_timeout) {
  const std::string* field = request.Find("X-Request-Timeout-Ms");
  if (field == nullptr) return arrival + max_timeout;
  const bool is_number = !field->empty() && field->size() <= 18 &&
                         std::all_of(field->begin(), field->end(), absl::ascii_isdigit);
  int64_t milliseconds = 0;
  if (!is_number || !absl::SimpleAtoi(*field, &milliseconds) || milliseconds < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "X-Request-Timeout-Ms must be a whole number of milliseconds, at least 1: ", *field));
  }
  return arrival + std::min(absl::Milliseconds(milliseconds), max_timeout);
}

}  // namespace chorus
