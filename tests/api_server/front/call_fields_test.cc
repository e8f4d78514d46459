#include "api_server/front/call_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace chorus {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(CallFieldsTest, TakesSoundRequestIds) {
  for (const std::string& id : {std::string("a"), std::string("A.b_c-9"), std::string(128, 'x')}) {
    EXPECT_EQ(TakeRequestId(id), id);
  }
}

TEST(CallFieldsTest, MakesAnIdInsteadOfAnUnsoundOne) {
  for (const std::string& id :
       {std::string(), std::string(129, 'x'), std::string("a b"), std::string("a\r\nb"),
        std::string("\xc3\xa9"), std::string("a\0b", 3), std::string("a=b")}) {
    EXPECT_THAT(TakeRequestId(id), MatchesRegex("[0-9a-f]{32}"));
  }
  EXPECT_NE(TakeRequestId(""), TakeRequestId(""));
}

HttpRequest WithTimeout(std::string value) {
  return {.fields = {{"x-request-timeout-ms", std::move(value)}}};
}

TEST(CallFieldsTest, DeadlineIsTheClientsButNeverPastTheServers) {
  const absl::Time now = absl::FromUnixSeconds(1000);
  const absl::Duration most = absl::Seconds(10);
  EXPECT_EQ(*TakeDeadline({}, now, most), now + most);
  EXPECT_EQ(*TakeDeadline(WithTimeout("1"), now, most), now + absl::Milliseconds(1));
  EXPECT_EQ(*TakeDeadline(WithTimeout("9999"), now, most), now + absl::Milliseconds(9999));
  EXPECT_EQ(*TakeDeadline(WithTimeout("10001"), now, most), now + most);
  EXPECT_EQ(*TakeDeadline(WithTimeout("999999999999999999"), now, most), now + most);
}

TEST(CallFieldsTest, RefusesTimeoutsThatAreNoWholePositiveNumber) {
  for (const char* value :
       {"", "0", "-1", "+1", "1.5", "1s", " 1", "0x1", "abc", "99999999999999999999999"}) {
    const auto deadline = TakeDeadline(WithTimeout(value), absl::UnixEpoch(), absl::Seconds(1));
    EXPECT_EQ(deadline.status().code(), absl::StatusCode::kInvalidArgument) << value;
    EXPECT_THAT(deadline.status().message(), HasSubstr(value));
  }
}

TEST(TakeTraceparent, PassesOnWhatIsOne) {
  const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_EQ(TakeTraceparent(good), good);
  for (const char* bad : {"", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                          "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "00-4BF92F3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n"}) {
    EXPECT_EQ(TakeTraceparent(bad), "") << bad;
  }
}

}  // namespace
}  // namespace chorus
