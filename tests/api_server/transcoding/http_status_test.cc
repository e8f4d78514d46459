#include "api_server/transcoding/http_status.h"

#include <gtest/gtest.h>

namespace chorus::gateway {
namespace {

TEST(HttpStatus, MapsEveryCode) {
  struct Case {
    absl::StatusCode code;
    int http_status;
  };
  for (const Case& c :
       {Case{absl::StatusCode::kOk, 200}, Case{absl::StatusCode::kCancelled, 499},
        Case{absl::StatusCode::kUnknown, 500}, Case{absl::StatusCode::kInvalidArgument, 400},
        Case{absl::StatusCode::kDeadlineExceeded, 504}, Case{absl::StatusCode::kNotFound, 404},
        Case{absl::StatusCode::kAlreadyExists, 409}, Case{absl::StatusCode::kPermissionDenied, 403},
        Case{absl::StatusCode::kResourceExhausted, 429},
        Case{absl::StatusCode::kFailedPrecondition, 400}, Case{absl::StatusCode::kAborted, 409},
        Case{absl::StatusCode::kOutOfRange, 400}, Case{absl::StatusCode::kUnimplemented, 501},
        Case{absl::StatusCode::kInternal, 500}, Case{absl::StatusCode::kUnavailable, 503},
        Case{absl::StatusCode::kDataLoss, 500}, Case{absl::StatusCode::kUnauthenticated, 401}}) {
    EXPECT_EQ(HttpStatusFromCode(c.code), c.http_status) << absl::StatusCodeToString(c.code);
    EXPECT_EQ(HttpStatus(absl::Status(c.code, "x")), c.http_status);
  }
}

TEST(HttpStatus, KeepsACodeOfItsOwn) {
  const absl::Status status = WithHttpStatus(absl::InvalidArgumentError("too big"), 413);
  EXPECT_EQ(HttpStatus(status), 413);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(AllowHeader(status), "");
}

TEST(MethodNotAllowedError, ListsTheMethods) {
  const absl::Status status = MethodNotAllowedError("no", {"GET", "POST"});
  EXPECT_EQ(HttpStatus(status), 405);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(AllowHeader(status), "GET, POST");
}

}  // namespace
}  // namespace chorus::gateway
