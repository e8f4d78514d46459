#include "base/error_details.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"

namespace chorus {
namespace {

google::rpc::BadRequest BadRequestOf(const absl::Status& status) {
  const google::rpc::Status rpc = ToRpcStatus(status);
  google::rpc::BadRequest details;
  for (const auto& detail : rpc.details()) {
    if (detail.UnpackTo(&details)) return details;
  }
  return details;
}

TEST(ErrorDetails, AFieldErrorNamesItsField) {
  const absl::Status status = FieldError("top_p", "must be at most 1: 2");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "top_p must be at most 1: 2");
  EXPECT_EQ(ToRpcStatus(status).code(), 3);
  EXPECT_EQ(BadRequestOf(status).field_violations(0).field(), "top_p");
  EXPECT_EQ(BadRequestOf(status).field_violations(0).description(), "must be at most 1: 2");
}

TEST(ErrorDetails, AnyErrorMayNameAField) {
  const absl::Status status = WithField(absl::InvalidArgumentError("the prompt is long"), "text");
  EXPECT_EQ(BadRequestOf(status).field_violations(0).field(), "text");
  EXPECT_EQ(BadRequestOf(status).field_violations(0).description(), "the prompt is long");
  EXPECT_EQ(WithoutField(status), absl::InvalidArgumentError("the prompt is long"));
}

TEST(ErrorDetails, APlaceKeepsTheFieldAlone) {
  absl::Status status = FieldError("ids[1]", "must be below 9: 10");
  status.SetPayload("chorus/node", absl::Cord("x"));
  const absl::Status placed = OfPlace(status, "gpt2");
  EXPECT_EQ(placed.message(), "gpt2: ids[1] must be below 9: 10");
  EXPECT_EQ(BadRequestOf(placed).field_violations(0).field(), "ids[1]");
  EXPECT_FALSE(placed.GetPayload("chorus/node").has_value());
}

TEST(ErrorDetails, AClientsNameIsBoundedAndUtf8) {
  const absl::Status status =
      WithField(absl::InvalidArgumentError("unknown"), "\xff" + std::string(5000, 'a'));
  const std::string field = BadRequestOf(status).field_violations(0).field();
  EXPECT_EQ(field, "\xEF\xBF\xBD" + std::string(255, 'a'));
}

TEST(ErrorDetails, ComeInOneOrderAndWithoutOtherPayloads) {
  google::rpc::RetryInfo retry;
  absl::Status status = FieldError("a", "b");
  status.SetPayload("chorus/node", absl::Cord("x"));
  SetDetail(retry, status);
  const google::rpc::Status rpc = ToRpcStatus(status);
  ASSERT_EQ(rpc.details_size(), 2);
  EXPECT_EQ(rpc.details(0).type_url(), "type.googleapis.com/google.rpc.BadRequest");
  EXPECT_EQ(rpc.details(1).type_url(), "type.googleapis.com/google.rpc.RetryInfo");
  absl::Status taken = absl::InvalidArgumentError("a b");
  TakeBadRequest(rpc, taken);
  EXPECT_EQ(taken, FieldError("a", "b"));
}

}  // namespace
}  // namespace chorus
