#include "api_server/transcoding/error_json.h"

#include <google/rpc/error_details.pb.h>
#include <gtest/gtest.h>

#include "absl/strings/cord.h"
#include "api_server/transcoding/http_status.h"

namespace chorus::gateway {
namespace {

TEST(ErrorJson, SaysTheHttpCodeTheStatusCarries) {
  EXPECT_EQ(ErrorJson(WithHttpStatus(absl::InvalidArgumentError("too big"), 413)),
            R"({"error":{"code":413,"status":"INVALID_ARGUMENT","message":"too big",)"
            R"("details":[]}})");
  EXPECT_EQ(ErrorJson(MethodNotAllowedError("no", {"GET", "POST"})),
            R"({"error":{"code":405,"status":"UNIMPLEMENTED","message":"no","details":[]}})");
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
}  // namespace chorus::gateway
