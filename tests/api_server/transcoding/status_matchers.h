#pragma once

// gMock matchers for absl::Status and absl::StatusOr.

#include <gmock/gmock.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus::gateway {

inline const absl::Status& GetStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& GetStatus(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

MATCHER(IsOk, "") {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).ok();
}

// The code, and a matcher of the message.
MATCHER_P2(StatusIs, code, message, "") {
  const absl::Status& status = GetStatus(arg);
  *result_listener << status.ToString();
  return status.code() == code &&
         testing::SafeMatcherCast<std::string>(message).Matches(std::string(status.message()));
}

// INVALID_ARGUMENT with exactly this message.
template <typename Message>
auto IsInvalid(Message message) {
  return StatusIs(absl::StatusCode::kInvalidArgument, message);
}

}  // namespace chorus::gateway
