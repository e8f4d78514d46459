#include "model_store/hub/hub_response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace chorus::store {
namespace {

using ::testing::HasSubstr;

TEST(JudgeResponse, SaysWhatToDo) {
  const HttpUrl hub = *ParseEndpoint("https://hub.example");
  const HubSource source{"a/b", "v1"};
  const struct {
    HttpResponse response;
    bool has_token;
    absl::StatusCode code;
    std::string message;
  } kCases[] = {
      {{.status = 200}, false, absl::StatusCode::kOk, ""},
      {{.status = 206}, false, absl::StatusCode::kOk, ""},
      {{.status = 403, .host = "hub.example"},
       true,
       absl::StatusCode::kPermissionDenied,
       "ask for access at https://hub.example/a/b, and see that the token may read it"},
      {{.status = 401, .error_code = "GatedRepo", .host = "hub.example"},
       false,
       absl::StatusCode::kPermissionDenied,
       "and set HF_TOKEN"},
      {{.status = 401, .host = "hub.example"},
       true,
       absl::StatusCode::kUnauthenticated,
       "does not accept the token"},
      {{.status = 401, .host = "hub.example"},
       false,
       absl::StatusCode::kUnauthenticated,
       "no model a/b on https://hub.example for those without a token"},
      {{.status = 404, .error_code = "RevisionNotFound", .host = "hub.example"},
       false,
       absl::StatusCode::kNotFound,
       "a/b on https://hub.example has no revision v1"},
      {{.status = 404, .error_message = "gone\n", .host = "hub.example"},
       false,
       absl::StatusCode::kNotFound,
       "no a/b@v1 on https://hub.example (hub.example: gone\\n)"},
      // Of the server that has the content, none of that is so.
      {{.status = 403, .host = "cdn.example"},
       true,
       absl::StatusCode::kFailedPrecondition,
       "cdn.example replied 403 for a/b@v1"},
      {{.status = 404, .host = "cdn.example"},
       true,
       absl::StatusCode::kFailedPrecondition,
       "cdn.example replied 404"},
      {{.status = 408, .host = "hub.example"}, true, absl::StatusCode::kUnavailable, "408"},
      {{.status = 429, .host = "hub.example"}, true, absl::StatusCode::kUnavailable, "429"},
      {{.status = 502, .host = "cdn.example"}, true, absl::StatusCode::kUnavailable, "502"},
      {{.status = 304, .host = "hub.example"}, true, absl::StatusCode::kFailedPrecondition, "304"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = JudgeResponse(c.response, {hub, source, c.has_token});
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
  }
}

}  // namespace
}  // namespace chorus::store
