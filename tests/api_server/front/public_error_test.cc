#include "api_server/front/public_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "api_server/transcoding/http_status.h"
#include "base/error_details.h"
#include "base/finite.h"

namespace chorus::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(PublicErrorTest, OnlyRefusalsSayWhenToRetry) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "words");
    const bool is_refusal = absl::IsResourceExhausted(status) || absl::IsUnavailable(status);
    EXPECT_EQ(ToRpcStatus(ToPublicStatus(status, "id")).details_size(), is_refusal ? 1 : 0) << code;
  }
}

TEST(PublicErrorTest, HidesTheWordsOfOurFaultsOnly) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "words");
    const absl::Status told = ToPublicStatus(status, "id");
    const bool is_ours =
        absl::IsInternal(status) || absl::IsUnknown(status) || absl::IsDataLoss(status);
    EXPECT_EQ(told.code(), status.code());
    EXPECT_EQ(told.message() != "words", is_ours) << code;
  }
}

TEST(PublicErrorTest, AModelsNumbersThatAreNotFiniteAreTold) {
  const absl::Status status(absl::StatusCode::kInternal,
                            absl::StrCat("gpt2: ", NotFiniteError("texts[1]: ").message()));
  EXPECT_TRUE(IsNotFiniteError(status));
  EXPECT_EQ(ToPublicStatus(status, "id"), status);
  EXPECT_FALSE(IsNotFiniteError(absl::UnknownError(status.message())));
  EXPECT_FALSE(IsNotFiniteError(absl::InternalError("words")));
}

TEST(PublicErrorTest, PayloadsThatAreNoDetailsStayInside) {
  absl::Status status = absl::InvalidArgumentError("words");
  status.SetPayload("chorus/http_status", absl::Cord("413"));
  EXPECT_EQ(ToRpcStatus(ToPublicStatus(status, "id")).details_size(), 0);
  EXPECT_TRUE(ToPublicStatus(status, "id").GetPayload("chorus/http_status").has_value());
}

TEST(PublicErrorTest, MessagesBecomeUtf8) {
  EXPECT_EQ(ToPublicStatus(absl::NotFoundError("a\xff"
                                               "b"),
                           "id")
                .message(),
            "a\xEF\xBF\xBD"
            "b");
}

std::string ToMessage(const absl::Status& error) {
  return absl::StrCat("{\"message\":\"", error.message(), "\"}");
}

TEST(PublicErrorTest, HasTheBodyOfItsProtocol) {
  const absl::Status error = absl::InvalidArgumentError("n must be 1");
  const HttpReply reply = ToErrorReply(error, "id", ToMessage);
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.content_type, "application/json");
  EXPECT_EQ(reply.body, "{\"message\":\"n must be 1\"}");
  EXPECT_TRUE(reply.fields.empty());
  EXPECT_EQ(ToErrorReply(error, "id").body, ErrorJson(error));
}

TEST(PublicErrorTest, KeepsOurFaultsFromAnyBody) {
  const HttpReply reply = ToErrorReply(absl::InternalError("secret"), "id", ToMessage);
  EXPECT_EQ(reply.status, 500);
  EXPECT_THAT(reply.body, Not(HasSubstr("secret")));
}

TEST(PublicErrorTest, SaysWhenToComeAgainAndWhatThePathTakes) {
  for (const absl::Status& error :
       {absl::UnavailableError("gone"), absl::ResourceExhaustedError("full")}) {
    const HttpReply reply = ToErrorReply(error, "id", ToMessage);
    ASSERT_EQ(reply.fields.size(), 1u);
    EXPECT_EQ(reply.fields[0].name, "Retry-After");
    EXPECT_EQ(reply.fields[0].value, "1");
  }
  const HttpReply reply = ToErrorReply(MethodNotAllowedError("no", {"GET", "HEAD"}), "id");
  EXPECT_EQ(reply.status, 405);
  ASSERT_EQ(reply.fields.size(), 1u);
  EXPECT_EQ(reply.fields[0].name, "Allow");
  EXPECT_EQ(reply.fields[0].value, "GET, HEAD");
}

}  // namespace
}  // namespace chorus::gateway
