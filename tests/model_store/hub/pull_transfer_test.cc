// Pulls from hubs that fail, refuse, or lie.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model_store/hub/pull.h"
#include "tests/model_store/hub/pull_fixture.h"

namespace chorus::store {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

using PullTransferTest = PullFixture;

TEST_F(PullTransferTest, GoesOnAfterABrokenConnection) {
  const auto cut = [](HubResponse response) {
    response.cut_after = response.body.size() / 2;
    return response;
  };
  const auto stall = [](HubResponse response) {
    response.cut_after = 1000;
    response.stall = true;
    return response;
  };
  ScriptWeights({cut, stall, cut});
  options_.hub.retry.max_failures = 4;
  const auto result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(GetFile(store_.Directory(kTag) / "model.safetensors"), weights_);
  const std::vector<HubRequest> requests = hub_.RequestsFor("model.safetensors");
  ASSERT_THAT(requests, SizeIs(4));
  EXPECT_EQ(requests[0].header("range"), "");
  EXPECT_EQ(requests[1].header("range"), "bytes=1572864-");
  EXPECT_THAT(requests[1].header("if-range"), HasSubstr("\""));
  EXPECT_EQ(requests[2].header("range"), "bytes=1573864-");
  EXPECT_THAT(observer_.retries, SizeIs(3));
}

TEST_F(PullTransferTest, GoesOnWhereAnEarlierPullStopped) {
  const auto cut = [](HubResponse response) {
    response.cut_after = 1000;
    return response;
  };
  ScriptWeights({cut, cut, cut});
  const absl::Status status = Run().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("tried 3 times"));
  ExpectNoVersion();
  EXPECT_TRUE(HasPartialFiles());
  const size_t num_requests = hub_.requests().size();
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(hub_.requests(), SizeIs(num_requests + 2));  // The list, and the rest.
  EXPECT_EQ(hub_.requests().back().header("range"), "bytes=3000-");
  EXPECT_TRUE(store_.Verify(kTag).ok());
  EXPECT_FALSE(HasPartialFiles());
}

TEST_F(PullTransferTest, BeginsAgainWhenTheServerDoesNotGoOn) {
  const auto cut = [](HubResponse response) {
    response.cut_after = 1000;
    return response;
  };
  const auto whole = [&](HubResponse response) {
    response.status = 200;
    response.headers.erase("Content-Range");
    response.body = weights_;
    return response;
  };
  const auto elsewhere = [&](HubResponse response) {
    response.headers["Content-Range"] = "bytes 7-10/3145728";
    return response;
  };
  const auto no_such_range = [](HubResponse) { return HubResponse{.status = 416}; };
  const std::vector<std::function<HubResponse(HubResponse)>> kCases[] = {
      {cut, whole}, {cut, elsewhere}, {cut, no_such_range}};
  for (const auto& script : kCases) {
    ScriptWeights(script);
    const auto result = Run();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(store_.Verify(kTag).ok());
    ASSERT_TRUE(store_.Delete(kTag).ok());
  }
}

TEST_F(PullTransferTest, WhatDoesNotFitTogetherIsFetchedAgainInOnePiece) {
  const auto other_beginning = [](HubResponse response) {
    response.body = std::string(response.body.size(), '?');
    response.cut_after = 1000;
    return response;
  };
  ScriptWeights({other_beginning});
  ASSERT_TRUE(Run().ok());
  EXPECT_TRUE(store_.Verify(kTag).ok());
  ASSERT_THAT(observer_.retries, SizeIs(2));
  EXPECT_THAT(observer_.retries[1], HasSubstr("not what the hub lists"));
  EXPECT_EQ(hub_.requests().back().header("range"), "");
}

TEST_F(PullTransferTest, RefusesOtherBytesThanThoseListed) {
  hub_.SetHook([&](const HubRequest& request) -> std::optional<HubResponse> {
    if (!request.target.ends_with("/vocab.json")) return std::nullopt;
    return HubResponse{.body = "[]"};
  });
  EXPECT_THAT(Message(Run().status()), HasSubstr("vocab.json is not what the hub lists: its Git"));
  ExpectNoVersion();
  const auto changed = [](HubResponse response) {
    response.body[100] ^= 1;
    return response;
  };
  const auto longer = [](HubResponse response) {
    response.body += "x";
    return response;
  };
  for (const auto& step : {std::function<HubResponse(HubResponse)>(changed),
                           std::function<HubResponse(HubResponse)>(longer)}) {
    ScriptWeights({step});
    const absl::Status status = Run().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(Message(status), HasSubstr("model.safetensors"));
    ExpectNoVersion();
  }
}

TEST_F(PullTransferTest, ATruncatedBodyIsNotTheFile) {
  const auto truncated = [](HubResponse response) {
    response.body.resize(response.body.size() - 1);
    return response;
  };
  const auto nothing = [](HubResponse response) {
    response.body.clear();
    return response;
  };
  ScriptWeights({truncated, nothing, nothing});
  const absl::Status status = Run().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("ended after 3145727 of 3145728 bytes"));
  ExpectNoVersion();
}

TEST_F(PullTransferTest, WaitsAsLongAsTheServerAsks) {
  int num_requests = 0;
  hub_.SetHook([&](const HubRequest&) -> std::optional<HubResponse> {
    ++num_requests;
    if (num_requests == 1) return HubResponse{.status = 429, .headers = {{"Retry-After", "1"}}};
    if (num_requests == 2) return HubResponse{.status = 503};
    return std::nullopt;
  });
  ASSERT_TRUE(Run().ok());
  ASSERT_THAT(observer_.retries,
              ElementsAre(HasSubstr("127.0.0.1 replied 429"), HasSubstr("replied 503")));
  EXPECT_EQ(observer_.delays[0], absl::Seconds(1));
  EXPECT_LT(observer_.delays[1], absl::Milliseconds(100));
}

TEST_F(PullTransferTest, SaysWhyTheHubRefuses) {
  const struct {
    int status;
    std::string error_code;
    std::string token;
    absl::StatusCode code;
    std::string message;
  } kCases[] = {
      {401, "RepoNotFound", "", absl::StatusCode::kUnauthenticated, "set HF_TOKEN"},
      {401, "", "hf_secret", absl::StatusCode::kUnauthenticated, "does not accept the token"},
      {403, "GatedRepo", "hf_secret", absl::StatusCode::kPermissionDenied,
       "ask for access at http://127.0.0.1"},
      {401, "GatedRepo", "", absl::StatusCode::kPermissionDenied, "set HF_TOKEN"},
      {404, "RevisionNotFound", "", absl::StatusCode::kNotFound, "has no revision main"},
      {404, "RepoNotFound", "", absl::StatusCode::kNotFound, "no my-org/my-gpt2@main on http"},
      {418, "", "", absl::StatusCode::kFailedPrecondition, "replied 418"},
      {500, "", "", absl::StatusCode::kUnavailable, "replied 500"},
  };
  for (const auto& c : kCases) {
    options_.hub.http.token = c.token;
    hub_.SetHook([&](const HubRequest&) {
      return HubResponse{.status = c.status,
                         .headers = {{"X-Error-Code", c.error_code},
                                     {"X-Error-Message", "so said \x1b[31mthe hub"}},
                         .body = "{}"};
    });
    const absl::Status status = Run().status();
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_THAT(Message(status), AllOf(HasSubstr(c.message), HasSubstr("so said \\x1b[31mthe hub"),
                                       Not(HasSubstr("hf_secret"))));
  }
  ExpectNoVersion();
}

TEST_F(PullTransferTest, TheContentServerDoesNotGetTheToken) {
  options_.hub.http.token = "hf_secret";
  ScriptedHub content;
  content.SetHook([&](const HubRequest&) { return HubResponse{.body = weights_}; });
  ScriptWeights({[&](HubResponse) {
    return HubResponse{.status = 302, .headers = {{"Location", content.url() + "/blob?key=k"}}};
  }});
  ASSERT_TRUE(Run().ok());
  ASSERT_THAT(content.requests(), SizeIs(1));
  EXPECT_EQ(content.requests()[0].header("authorization"), "");
  for (const HubRequest& request : hub_.requests()) {
    EXPECT_EQ(request.header("authorization"), "Bearer hf_secret");
  }
}

TEST_F(PullTransferTest, DoesNotTrustTheListing) {
  const std::string good = hub_.Listing();
  const std::string other(40, 'd');
  options_.source.revision = hub_.commit();
  for (const std::string& listing :
       {std::string("{"), std::string(9 << 20, ' '), std::string("[[[["),
        nlohmann::json({{"sha", other}, {"siblings", nlohmann::json::array()}}).dump()}) {
    hub_.SetHook([&](const HubRequest&) { return HubResponse{.body = listing}; });
    EXPECT_FALSE(Run().ok());
  }
  ExpectNoVersion();
}

TEST_F(PullTransferTest, AStopLeavesTheStoreAsItWas) {
  options_.hub.http.stall_timeout = absl::Minutes(10);
  ScriptWeights({[&](HubResponse response) {
    response.cut_after = 1000;
    response.stall = true;
    stop_.request_stop();
    return response;
  }});
  EXPECT_TRUE(absl::IsCancelled(Run().status()));
  ExpectNoVersion();
  stop_ = {};
  options_.hub.retry.first_delay = absl::Minutes(10);
  options_.hub.retry.max_delay = absl::Minutes(10);
  hub_.SetHook([&](const HubRequest&) {
    stop_.request_stop();
    return HubResponse{.status = 500};
  });
  EXPECT_TRUE(absl::IsCancelled(Run().status()));
  stop_ = {};
  hub_.SetHook(nullptr);
  EXPECT_TRUE(Run().ok());
}

}  // namespace
}  // namespace chorus::store
