#include "api_server/front/active_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/time/clock.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace chorus::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

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

TEST(CallFieldsTest, TakesTheTimeoutOfTheHeader) {
  const absl::Time now = absl::FromUnixSeconds(1000);
  EXPECT_EQ(*TakeDeadline({}, now), absl::InfiniteFuture());
  EXPECT_EQ(*TakeDeadline(WithTimeout("1"), now), now + absl::Milliseconds(1));
  EXPECT_EQ(*TakeDeadline(WithTimeout("9999"), now), now + absl::Milliseconds(9999));
  EXPECT_GT(*TakeDeadline(WithTimeout("999999999999999999"), now), now + absl::Hours(1));
}

class ActiveRequestTest : public testing::Test {
 protected:
  ActiveRequest Make(absl::Time deadline = absl::InfiniteFuture()) {
    return ActiveRequest({.metrics = metrics_, .max_timeout = absl::Hours(1)}, "/x",
                         /*is_call=*/true, {.protocol = "grpc", .deadline = deadline});
  }

  prometheus::Registry registry_;
  RequestMetrics metrics_{registry_, "service", "1"};
};

TEST_F(ActiveRequestTest, DeadlineIsTheClientsButNeverPastTheServers) {
  const absl::Time now = absl::Now();
  EXPECT_EQ(Make(now + absl::Minutes(1)).call().deadline, now + absl::Minutes(1));
  EXPECT_EQ(Make(now - absl::Minutes(1)).call().deadline, now - absl::Minutes(1));
  for (const absl::Time asked : {now + absl::Hours(2), absl::InfiniteFuture()}) {
    const absl::Time deadline = Make(asked).call().deadline;
    EXPECT_GE(deadline, now + absl::Hours(1));
    EXPECT_LE(deadline, absl::Now() + absl::Hours(1));
  }
}

TEST_F(ActiveRequestTest, StopsItsCall) {
  ActiveRequest request = Make();
  const Call call = request.call();
  EXPECT_FALSE(call.stop.stop_requested());
  request.Stop();
  EXPECT_TRUE(call.stop.stop_requested());
}

TEST_F(ActiveRequestTest, CountsOnceAndWith499WhereNobodyAnswered) {
  const auto text = [this] { return prometheus::TextSerializer().Serialize(registry_.Collect()); };
  {
    ActiveRequest request = Make();
    EXPECT_THAT(text(), HasSubstr("in_progress{endpoint=\"/x\",service_name=\"service\","
                                  "service_version=\"1\"} 1\n"));
    request.Finish(200);
  }
  EXPECT_THAT(text(), Not(HasSubstr("http_response_code=\"499\"")));
  Make();
  EXPECT_THAT(text(), HasSubstr("http_response_code=\"499\""));
}

TEST(CallFieldsTest, RefusesTimeoutsThatAreNoWholePositiveNumber) {
  for (const char* value :
       {"", "0", "-1", "+1", "1.5", "1s", " 1", "0x1", "abc", "99999999999999999999999"}) {
    const auto deadline = TakeDeadline(WithTimeout(value), absl::UnixEpoch());
    EXPECT_EQ(deadline.status().code(), absl::StatusCode::kInvalidArgument) << value;
    EXPECT_THAT(deadline.status().message(), HasSubstr(value));
  }
}

TEST(CallFieldsTest, PassesOnATraceparentThatIsOne) {
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
}  // namespace chorus::gateway
