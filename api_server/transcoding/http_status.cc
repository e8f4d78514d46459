#include "api_server/transcoding/http_status.h"

#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

constexpr absl::string_view kHttpStatusUrl = "chorus/http_status";
constexpr absl::string_view kAllowUrl = "chorus/allow";

}  // namespace

int HttpStatusFromCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

absl::Status WithHttpStatus(absl::Status status, int http_status) {
  status.SetPayload(kHttpStatusUrl, absl::Cord(absl::StrCat(http_status)));
  return status;
}

absl::Status HttpError(int http_status, std::string_view message) {
  return WithHttpStatus(absl::InvalidArgumentError(AbslView(message)), http_status);
}

int HttpStatus(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kHttpStatusUrl);
  int http_status = 0;
  if (payload.has_value() && absl::SimpleAtoi(std::string(*payload), &http_status)) {
    return http_status;
  }
  return HttpStatusFromCode(status.code());
}

absl::Status MethodNotAllowedError(std::string_view message,
                                   const std::vector<std::string>& allowed_methods) {
  absl::Status status = WithHttpStatus(absl::UnimplementedError(AbslView(message)), 405);
  status.SetPayload(kAllowUrl, absl::Cord(absl::StrJoin(allowed_methods, ", ")));
  return status;
}

std::string AllowHeader(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kAllowUrl);
  return payload.has_value() ? std::string(*payload) : "";
}

}  // namespace chorus::gateway
