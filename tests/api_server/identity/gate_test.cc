#include "api_server/identity/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/error_details.h"
#include "google/rpc/error_details.pb.h"
#include "tests/base/parse_proto.h"

namespace chorus::gateway {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1'000'000'000);  // 2001-09-09T01:46:40Z

std::string Hash(std::string_view secret) {
  Sha256 hash;
  hash.Update(secret);
  return std::move(hash).HexDigest();
}

std::shared_ptr<const KeyRing> Ring(const std::string& keys) {
  auto ring = KeyRing::Create(ParseProto<config::v1::ApiKeys>(keys));
  EXPECT_TRUE(ring.ok()) << ring.status();
  return ring.ok() ? *ring : nullptr;
}

std::string Key(const std::string& name, const std::string& secret, const std::string& rest = "") {
  return "keys { name: '" + name + "' sha256: '" + Hash(secret) + "' " + rest + " } ";
}

// The seconds after which a refused call should be tried again; -1: it does not say.
int64_t RetryAfter(const absl::Status& status) {
  const google::rpc::Status rpc = ToRpcStatus(status);
  for (const google::protobuf::Any& detail : rpc.details()) {
    google::rpc::RetryInfo retry;
    if (detail.UnpackTo(&retry)) return retry.retry_delay().seconds();
  }
  return -1;
}

class GateTest : public ::testing::Test {
 protected:
  absl::StatusOr<Caller> Identify(std::string_view authorization, absl::Time now = kNow) {
    return gate_.Identify(authorization, now);
  }
  Caller Known(std::string_view secret) {
    auto caller = Identify("Bearer " + std::string(secret));
    EXPECT_TRUE(caller.ok()) << caller.status();
    return caller.ok() ? *caller : Caller();
  }

  prometheus::Registry registry_;
  Gate gate_{/*allow_anonymous=*/false, registry_};
};

TEST_F(GateTest, WithoutKeysEverybodyIsNobodyInParticular) {
  for (const char* authorization : {"", "Bearer x", "Basic x"}) {
    const auto caller = Identify(authorization);
    ASSERT_TRUE(caller.ok()) << authorization;
    EXPECT_EQ(caller->name(), "");
    EXPECT_TRUE(caller->CheckModel("m").ok() && caller->CheckGraph("g").ok());
    EXPECT_TRUE(caller->Begin(kNow).ok());
  }
}

TEST_F(GateTest, KnowsAKeyByItsHash) {
  gate_.SetKeys(Ring(Key("ci", "secret") + Key("web", "other")));
  EXPECT_EQ(Known("secret").name(), "ci");
  EXPECT_EQ(Known("other").name(), "web");
  EXPECT_EQ(Identify("bearer secret")->name(), "ci");
  for (const std::string& authorization : std::vector<std::string>{
           "", "Bearer ", "Bearer wrong", "Bearer secret ", "Basic secret", "secret",
           "Bearer " + Hash("secret"), "Bearer " + std::string(100000, 'x')}) {
    EXPECT_TRUE(absl::IsUnauthenticated(Identify(authorization).status())) << authorization;
  }
}

TEST_F(GateTest, AKeyEndsToBeValid) {
  gate_.SetKeys(Ring(Key("ci", "secret", "expires: '2001-09-09T01:46:40Z'")));
  EXPECT_TRUE(Identify("Bearer secret", kNow - absl::Seconds(1)).ok());
  const absl::Status status = Identify("Bearer secret", kNow).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("valid no more since 2001-09-09T01:46:40"));
}

TEST_F(GateTest, AllowsAnonymousCallsBesideKeys) {
  Gate gate(/*allow_anonymous=*/true, registry_);
  gate.SetKeys(Ring(Key("ci", "secret")));
  EXPECT_EQ(gate.Identify("", kNow)->name(), "");
  EXPECT_EQ(gate.Identify("Bearer secret", kNow)->name(), "ci");
  EXPECT_FALSE(gate.Identify("Bearer wrong", kNow).ok());
}

TEST_F(GateTest, AKeyIsOfItsGraphsAndModels) {
  gate_.SetKeys(Ring(Key("all", "a") + Key("some", "b", "graphs: 'g' models: 'm' models: 'n'") +
                     Key("graphs", "c", "graphs: 'g'")));
  struct Case {
    const char* secret;
    bool g, h, m, o;
  };
  for (const auto& [secret, g, h, m, o] : std::vector<Case>{{"a", true, true, true, true},
                                                            {"b", true, false, true, false},
                                                            {"c", true, false, false, false}}) {
    const Caller caller = Known(secret);
    EXPECT_EQ(caller.CheckGraph("g").ok(), g) << secret;
    EXPECT_EQ(caller.CheckGraph("h").ok(), h) << secret;
    EXPECT_EQ(caller.CheckModel("m").ok(), m) << secret;
    EXPECT_EQ(caller.CheckModel("o").ok(), o) << secret;
  }
  EXPECT_TRUE(absl::IsPermissionDenied(Known("c").CheckModel("m")));
}

TEST_F(GateTest, BoundsRequestsInAMinute) {
  gate_.SetKeys(Ring(Key("ci", "s", "requests_per_minute: 3")));
  const Caller caller = Known("s");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(caller.Begin(kNow).ok());
    caller.End(0, kNow);
  }
  const absl::Status refused = caller.Begin(kNow);
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("requests_per_minute, 3"));
  EXPECT_EQ(RetryAfter(refused), 20);
  EXPECT_FALSE(caller.Begin(kNow + absl::Seconds(19)).ok());
  EXPECT_TRUE(Known("s").Begin(kNow + absl::Seconds(21)).ok());
  EXPECT_FALSE(caller.Begin(kNow + absl::Seconds(21)).ok());
  // A pause makes room for a minute's and no more.
  const absl::Time later = kNow + absl::Hours(5);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(caller.Begin(later).ok());
  EXPECT_FALSE(caller.Begin(later).ok());
}

TEST_F(GateTest, BoundsTokensInAMinute) {
  gate_.SetKeys(Ring(Key("ci", "s", "tokens_per_minute: 100")));
  const Caller caller = Known("s");
  ASSERT_TRUE(caller.Begin(kNow).ok());
  caller.End(250, kNow);  // Known only then.
  const absl::Status refused = caller.Begin(kNow);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("tokens_per_minute, 100"));
  EXPECT_EQ(RetryAfter(refused), 91);  // 151 tokens at 100 a minute.
  EXPECT_FALSE(caller.Begin(kNow + absl::Seconds(90)).ok());
  EXPECT_TRUE(caller.Begin(kNow + absl::Seconds(91)).ok());
}

TEST_F(GateTest, BoundsCallsInProgressAlsoAcrossAReload) {
  const std::string keys = Key("ci", "s", "max_concurrent: 2");
  gate_.SetKeys(Ring(keys));
  const Caller first = Known("s");
  EXPECT_TRUE(first.Begin(kNow).ok());
  gate_.SetKeys(Ring(keys + Key("web", "t")));
  const Caller second = Known("s");
  EXPECT_TRUE(second.Begin(kNow).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(second.Begin(kNow)));
  first.End(0, kNow);
  EXPECT_TRUE(second.Begin(kNow).ok());
}

TEST_F(GateTest, CountsByTheNameOfTheKey) {
  gate_.SetKeys(Ring(Key("ci", "secret")));
  const Caller caller = Known("secret");
  gate_.Count(caller, 200, 5, 20);
  gate_.Count(caller, 429, 0, 0);
  gate_.Count(Caller(), 200, 7, 7);
  const std::string page = prometheus::TextSerializer().Serialize(registry_.Collect());
  EXPECT_THAT(page, AllOf(HasSubstr(R"(chorus_key_requests_total{key="ci",outcome="ok"} 1)"),
                          HasSubstr(R"(chorus_key_requests_total{key="ci",outcome="refused"} 1)"),
                          HasSubstr(R"(chorus_key_tokens_total{key="ci",kind="generated"} 20)"),
                          HasSubstr(R"(chorus_key_tokens_total{key="ci",kind="prompt"} 5)"),
                          Not(HasSubstr(" 7")), Not(HasSubstr("secret"))));
}

TEST(KeyRing, ListsEveryMistake) {
  const auto ring = KeyRing::Create(ParseProto<config::v1::ApiKeys>(
      Key("a b", "1") + Key("c", "2") + Key("c", "3") + Key("d", "2") +
      "keys { name: 'e' sha256: 'ABC' } " + Key("f", "4", "expires: 'tomorrow'") +
      Key("g", "5", "requests_per_minute: 0 tokens_per_minute: 0 max_concurrent: 0")));
  ASSERT_FALSE(ring.ok());
  EXPECT_THAT(
      std::string(ring.status().message()),
      AllOf(HasSubstr("key \"a b\": name must match"), HasSubstr("key \"c\": name must be unique"),
            HasSubstr("key \"d\": sha256 is that of another key"),
            HasSubstr("key \"e\": sha256 must be 64 lower-case"),
            HasSubstr("key \"f\": expires must be a time such as"),
            HasSubstr("key \"g\": requests_per_minute must be at least 1: 0"),
            HasSubstr("tokens_per_minute must be"), HasSubstr("max_concurrent must be")));
  EXPECT_FALSE(KeyRing::Create({}).ok());
}

}  // namespace
}  // namespace chorus::gateway
