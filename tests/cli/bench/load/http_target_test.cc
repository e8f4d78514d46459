#include "cli/bench/load/http_target.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "cli/monotonic_clock.h"
#include "tests/base/temp_directory.h"
#include "tests/cli/bench/scripted_http_server.h"
#include "tests/model_store/hub/tls_certificate.h"

namespace chorus::bench {
namespace {

using Reply = ScriptedHttpServer::Reply;
using Request = ScriptedHttpServer::Request;
using ::testing::HasSubstr;

class HttpTargetTest : public ::testing::Test {
 protected:
  void Serve(ScriptedHttpServer::Handler handler, SSL_CTX* tls = nullptr) {
    server_ = std::make_unique<ScriptedHttpServer>(std::move(handler), tls);
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

TEST_F(HttpTargetTest, TheBodyMayComeAfterTheHead) {
  Serve([](const Request&, Reply& reply) {
    reply.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    reply.Send("[]");
  });
  Connect();
  EXPECT_EQ(Ask().status, "200");
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

class TlsTest : public HttpTargetTest {
 protected:
  TlsTest() {
    ::signal(SIGPIPE, SIG_IGN);
    Serve([](const Request&, Reply& reply) { reply.Whole(200, "[]"); }, tls_);
    PutFile(temp_ / "ca.pem", certificate_);
  }
  ~TlsTest() override {
    server_.reset();
    SSL_CTX_free(tls_);
  }

  Question Trusting() const { return {.ca_file = temp_ / "ca.pem"}; }

  const TempDirectory temp_;
  std::string certificate_;
  SSL_CTX* const tls_ = store::MakeTlsContext(certificate_);
};

TEST_F(TlsTest, KeepsAConnectionForTheNextCall) {
  Connect(Trusting());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Ask().outcome, Outcome::kOk) << records_.back().message;
  EXPECT_EQ(server_->num_connections(), 1);
}

TEST_F(TlsTest, ConnectsAnewWhereTheServerHasClosedMeanwhile) {
  Serve(
      [](const Request&, Reply& reply) {
        reply.Whole(200, "[]");
        reply.Close();
      },
      tls_);
  Connect(Trusting());
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Ask().outcome, Outcome::kOk) << records_.back().message;
  EXPECT_EQ(server_->num_connections(), 2);
}

TEST_F(TlsTest, ReadsAStream) {
  Serve(
      [](const Request&, Reply& reply) {
        reply.BeginStream();
        reply.Chunk("event: token\ndata: {\"num_tokens\":1}\n\nevent: done\ndata: {}\n\n");
        reply.EndStream();
      },
      tls_);
  Question question = Trusting();
  question.protocol = Protocol::kSse;
  Connect(question);
  EXPECT_EQ(Ask().num_tokens, 1u) << records_.back().message;
}

TEST_F(TlsTest, RefusesACertificateThatNobodyTrusted) {
  Connect();
  for (int i = 0; i < 2; ++i) {
    const CallRecord record = Ask();
    EXPECT_EQ(record.outcome, Outcome::kFailed);
    EXPECT_EQ(record.status, "certificate refused");
    EXPECT_THAT(record.message, HasSubstr("self-signed certificate"));
  }
}

TEST_F(TlsTest, RefusesTheCertificateOfAnotherHost) {
  url_ = "https://localhost:" + url_.substr(url_.rfind(':') + 1);
  Connect(Trusting());
  const CallRecord record = Ask();
  EXPECT_EQ(record.status, "certificate refused");
  EXPECT_THAT(record.message, HasSubstr("ostname mismatch"));
}

TEST_F(TlsTest, AHandshakeThatNobodyAnswersExpires) {
  Serve([](const Request&, Reply&) {});  // Waits for a request without TLS.
  url_.insert(4, "s");
  Connect({.timeout = absl::Milliseconds(10)});
  boost::asio::steady_timer timer(io_, std::chrono::milliseconds(30));
  timer.async_wait([this](auto) { target_->Expire(MonotonicNow()); });
  EXPECT_EQ(Ask().outcome, Outcome::kTimedOut);
}

TEST_F(TlsTest, CertificatesThatCannotBeReadAreAnError) {
  PutFile(temp_ / "ca.pem", "none");
  for (const std::string& path : {std::string(temp_ / "ca.pem"), std::string("/no/such")}) {
    const auto made = HttpTarget::Create(io_, {.ca_file = path}, *ServerUrl::Parse(url_));
    EXPECT_THAT(made.status().message(),
                HasSubstr("cannot read certificates (PEM) from " + path + ": "));
  }
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
