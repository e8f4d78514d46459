#include "api_server/front/http_status.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus {
namespace {

constexpr char kPayloadName[] = "chorus/http_code";

constexpr std::pair<int, std::string_view> kReasons[] = {
    {100, "Continue"},
    {200, "OK"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

absl::StatusCode CodeOf(int http_code) {
  if (http_code == 404) return absl::StatusCode::kNotFound;
  return http_code >= 500 ? absl::StatusCode::kUnavailable : absl::StatusCode::kInvalidArgument;
}

}  // namespace

absl::Status HttpError(int http_code, std::string_view message) {
  absl::Status status(CodeOf(http_code), AbslView(message));
  status.SetPayload(kPayloadName, absl::Cord(absl::StrCat(http_code)));
  return status;
}

int HttpCodeOf(const absl::Status& status) {
  if (absl::optional<absl::Cord> payload = status.GetPayload(kPayloadName)) {
    int code = 500;
    return absl::SimpleAtoi(std::string(*payload), &code) ? code : 500;
  }
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kCancelled:
      return 499;
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
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
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

std::string_view HttpReason(int http_code) {
  for (const auto& [code, reason] : kReasons) {
    if (code == http_code) return reason;
  }
  return "Unknown";
}

}  // namespace chorus
