#include "cli/bench/load/http_target.h"

#include <gmock/gmock.h>

#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "cli/monotonic_clock.h"
#include "tests/cli/bench/scripted_http_server.h"

namespace chorus::bench {
namespace {

using Reply = ScriptedHttpServer::Reply;
using Request = ScriptedHttpServer::Request;
using ::testing::HasSubstr;

class HttpTargetTest : public ::testing::Test {
 protected:
  void Serve(ScriptedHttpServer::Handler handler) {
    server_ = std::make_unique<ScriptedHttpServer>(std::move(handler));
    url_ = server_->url();
  }
  void Connect(Question question = {}) {
    auto target = HttpTarget::Create(io_, question, *ServerUrl::Parse(url_));
    ASSERT_TRUE(target.ok()) << target.status();
    target_ = *std::move(target);
  }
  void Send() {
    target_->Send({.text = "Once"}, MonotonicNow(),
                  [this](CallRecord record) { records_.push_back(std::move(record)); });
  }
  CallRecord Ask() {
    Send();
    io_.restart();
    io_.run();
    return records_.back();
  }

  std::unique_ptr<ScriptedHttpServer> server_;
  std::string url_;
  boost::asio::io_context io_{1};
  std::vector<CallRecord> records_;
  std::unique_ptr<HttpTarget> target_;
};

TEST_F(HttpTargetTest, KeepsAConnectionForTheNextCall) {
  std::string body;
  Serve([&](const Request& request, Reply& reply) {
    body = request.body;
    reply.Whole(200, "[]");
  });
  Connect();
  for (int i = 0; i < 3; ++i) {
    const CallRecord record = Ask();
    EXPECT_EQ(record.outcome, Outcome::kOk) << record.status;
    EXPECT_GT(record.end, record.sent);
  }
  EXPECT_EQ(server_->num_connections(), 1);
  EXPECT_THAT(body, HasSubstr("\"text\":\"Once\""));
}

TEST_F(HttpTargetTest, CallsAtOnceHaveConnectionsOfTheirOwn) {
  Serve([](const Request&, Reply& reply) { reply.Whole(200, "[]"); });
  Connect();
  for (int i = 0; i < 4; ++i) Send();
  io_.run();
  EXPECT_EQ(records_.size(), 4u);
  EXPECT_EQ(server_->num_connections(), 4);
}

TEST_F(HttpTargetTest, ConnectsAnewWhereTheServerHasClosedMeanwhile) {
  Serve([](const Request&, Reply& reply) {
    reply.Whole(200, "[]");
    reply.Close();  // Without saying so.
  });
  Connect();
  EXPECT_EQ(Ask().outcome, Outcome::kOk);
  EXPECT_EQ(Ask().outcome, Outcome::kOk);
  EXPECT_EQ(server_->num_connections(), 2);
}

TEST_F(HttpTargetTest, TimesTokensAsTheyCome) {
  Serve([](const Request&, Reply& reply) {
    reply.BeginStream();
    reply.Chunk("event: token\ndata: {\"num_tokens\":1}\n\nevent: tok");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    reply.Chunk("en\ndata: {\"num_tokens\":1}\n\nevent: done\ndata: {}\n\n");
    reply.EndStream();
  });
  Connect({.protocol = Protocol::kSse});
  const CallRecord record = Ask();
  EXPECT_EQ(record.outcome, Outcome::kOk) << record.status;
  ASSERT_EQ(record.gaps.size(), 1u);
  EXPECT_GE(record.gaps[0].seconds, 0.045);
  EXPECT_LT(record.texts[0].first_token - record.sent, absl::Milliseconds(45));
}

TEST_F(HttpTargetTest, ACutStreamHasFailed) {
  Serve([](const Request&, Reply& reply) {
    reply.BeginStream();
    reply.Chunk("event: token\ndata: {\"num_tokens\":1}\n\n");
    reply.Close();
  });
  Connect({.protocol = Protocol::kSse});
  const CallRecord record = Ask();
  EXPECT_EQ(record.outcome, Outcome::kFailed);
  EXPECT_EQ(record.status, "partial message");
}

TEST_F(HttpTargetTest, AnErrorEventIsWhyAStreamWasCut) {
  Serve([](const Request&, Reply& reply) {
    reply.BeginStream();
    reply.Chunk("event: error\ndata: {\"code\":504,\"message\":\"late\"}\n\n");
    reply.Close();
  });
  Connect({.protocol = Protocol::kSse});
  const CallRecord record = Ask();
  EXPECT_EQ(record.outcome, Outcome::kTimedOut);
  EXPECT_EQ(record.status, "504 in a stream");
}

TEST_F(HttpTargetTest, NobodyThereIsSaid) {
  {
    const LoopbackSocket free;
    url_ = "http://" + free.address();
  }
  Connect();
  const CallRecord record = Ask();
  EXPECT_EQ(record.outcome, Outcome::kFailed);
  EXPECT_EQ(record.status, "Connection refused");
}

TEST_F(HttpTargetTest, WhatIsNoHttpHasFailed) {
  Serve([](const Request&, Reply& reply) {
    reply.Send("220 mail\r\n\r\n");
    reply.Close();
  });
  Connect();
  EXPECT_EQ(Ask().outcome, Outcome::kFailed);
}

TEST_F(HttpTargetTest, UnknownHostIsAnError) {
  EXPECT_THAT(
      HttpTarget::Create(io_, {}, *ServerUrl::Parse("http://no.such.invalid:1")).status().message(),
      HasSubstr("no.such.invalid"));
}

class SilentServerTest : public HttpTargetTest {
 protected:
  SilentServerTest() {
    Serve([this](const Request&, Reply&) {
      std::unique_lock lock(mutex_);
      over_.wait(lock, [this] { return is_over_; });
    });
  }
  ~SilentServerTest() override {
    std::lock_guard lock(mutex_);
    is_over_ = true;
    over_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable over_;
  bool is_over_ = false;
};

TEST_F(SilentServerTest, CallsExpire) {
  Connect({.timeout = absl::Milliseconds(10)});
  boost::asio::steady_timer timer(io_, std::chrono::milliseconds(30));
  timer.async_wait([this](auto) { target_->Expire(MonotonicNow()); });
  const CallRecord record = Ask();
  EXPECT_EQ(record.outcome, Outcome::kTimedOut);
  EXPECT_EQ(record.status, "no reply in time");
}

TEST_F(SilentServerTest, CallsAreCancelled) {
  Connect();
  boost::asio::steady_timer timer(io_, std::chrono::milliseconds(10));
  timer.async_wait([this](auto) {
    target_->Expire(MonotonicNow());
    target_->Cancel();
  });
  Send();
  EXPECT_EQ(Ask().outcome, Outcome::kUnfinished);
  EXPECT_EQ(records_.size(), 2u);
}

}  // namespace
}  // namespace chorus::bench
