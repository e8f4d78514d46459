#include "api_server/transcoding/http_status.h"

#include <google/rpc/error_details.pb.h>
#include <gtest/gtest.h>

#include "absl/strings/cord.h"

namespace chorus {
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
  EXPECT_EQ(ErrorJson(status),
            R"({"error":{"code":413,"status":"INVALID_ARGUMENT","message":"too big",)"
            R"("details":[]}})");
}

TEST(MethodNotAllowedError, ListsTheMethods) {
  const absl::Status status = MethodNotAllowedError("no", {"GET", "POST"});
  EXPECT_EQ(HttpStatus(status), 405);
  EXPECT_EQ(AllowHeader(status), "GET, POST");
  EXPECT_EQ(ErrorJson(status),
            R"({"error":{"code":405,"status":"NOT_FOUND","message":"no","details":[]}})");
}

TEST(ErrorJson, EscapesTheMessage) {
  EXPECT_EQ(ErrorJson(absl::NotFoundError("a \"b\"\n\xFF")),
            "{\"error\":{\"code\":404,\"status\":\"NOT_FOUND\",\"message\":\"a \\\"b\\\"\\n\uFFFD"
            "\",\"details\":[]}}");
}

TEST(ErrorJson, WritesTheDetails) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(2);
  absl::Status status = absl::ResourceExhaustedError("full");
  status.SetPayload("type.googleapis.com/google.rpc.RetryInfo",
                    absl::Cord(retry.SerializeAsString()));
  status.SetPayload("type.googleapis.com/no.Such", absl::Cord("x"));
  status.SetPayload("elsewhere/x", absl::Cord("x"));
  EXPECT_EQ(ErrorJson(status),
            R"({"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"full","details":[)"
            R"({"@type":"type.googleapis.com/google.rpc.RetryInfo","retry_delay":"2s"}]}})");
}

}  // namespace
}  // namespace chorus
