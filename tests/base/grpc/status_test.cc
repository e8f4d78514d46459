#include "base/grpc/status.h"

#include <gtest/gtest.h>

#include "base/error_details.h"
#include "google/rpc/error_details.pb.h"

namespace chorus {
namespace {

TEST(GrpcStatus, KeepsCodeAndMessage) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
  const grpc::Status status = ToGrpcStatus(absl::NotFoundError("no such model"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_details(), "");
  EXPECT_EQ(FromGrpcStatus(status), absl::NotFoundError("no such model"));
}

TEST(GrpcStatus, TheFieldThatIsWrongCrossesAndNothingElse) {
  absl::Status status = FieldError("ids[3]", "must be below 9: 10");
  EXPECT_EQ(FromGrpcStatus(ToGrpcStatus(status)), status);
  absl::Status more = status;
  SetDetail(google::rpc::RetryInfo(), more);
  EXPECT_EQ(FromGrpcStatus(ToGrpcStatus(more)), status);
  const grpc::Status garbage(grpc::StatusCode::INVALID_ARGUMENT, "words", "\xff\xff");
  EXPECT_EQ(FromGrpcStatus(garbage), absl::InvalidArgumentError("words"));
}

}  // namespace
}  // namespace chorus
