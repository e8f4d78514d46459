#include "api_server/front/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "api_server/transcoding/http_status.h"
#include "base/socket_address.h"
#include "tests/api_server/front/socket_client.h"

namespace chorus::gateway {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

// A body that the test writes.
class TestStream : public HttpStream {
 public:
  void Push(std::string bytes, std::optional<absl::Status> end = std::nullopt) {
    absl::AnyInvocable<void() &&> ready;
    {
      std::lock_guard lock(mutex_);
      waiting_.bytes += bytes;
      waiting_.end = std::move(end);
      ready = std::exchange(ready_, nullptr);
    }
    if (ready) std::move(ready)();
  }

  void Wait(absl::AnyInvocable<void() &&> ready) override {
    {
      std::lock_guard lock(mutex_);
      if (waiting_.bytes.empty() && !waiting_.end.has_value()) {
        ready_ = std::move(ready);
        return;
      }
    }
    std::move(ready)();
  }
  Piece Take() override {
    std::lock_guard lock(mutex_);
    return std::exchange(waiting_, {});
  }
  std::string Heartbeat() const override { return "beat"; }
  std::string ErrorEvent(const absl::Status& error) const override {
    return absl::StrCat("error ", absl::StatusCodeToString(error.code()));
  }

 private:
  std::mutex mutex_;
  Piece waiting_;
  absl::AnyInvocable<void() &&> ready_;
};

// /echo answers at once with "<target> <body>"; /wait when the test says; /stream with the test's
// stream, whose call waits as one of /wait; /refuse with an error. Others are 404.
class FakeHandler : public HttpHandler {
 public:
  struct Waiting {
    HttpRequest request;
    Call call;
    HttpRoute::Done done;
  };

  HttpRoute Match(const HttpRequest& head) const override {
    for (const char* path : {"/echo", "/wait", "/stream", "/refuse"}) {
      if (head.path() != path) continue;
      return {.endpoint = path,
              .handle = [this](HttpRequest request, Call call, HttpRoute::Done done) {
                return Handle(std::move(request), std::move(call), std::move(done));
              }};
    }
    return {.refusal = absl::NotFoundError("no such route")};
  }

  HttpReply ErrorReply(const absl::Status& error, std::string_view) const override {
    return {.status = HttpStatus(error), .body = std::string(error.message())};
  }

  std::shared_ptr<TestStream> stream = std::make_shared<TestStream>();  // The next one's.

  // The oldest request to /wait or /stream, when it has come.
  Waiting Take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !waiting_.empty(); });
    Waiting waiting = std::move(waiting_.front());
    waiting_.pop_front();
    return waiting;
  }

 private:
  absl::Status Handle(HttpRequest request, Call call, HttpRoute::Done done) const {
    if (request.path() == "/refuse") return absl::ResourceExhaustedError("refused");
    if (request.path() == "/echo") {
      std::move(done)(
          {.content_type = "text/plain", .body = absl::StrCat(request.target, " ", request.body)});
      return absl::OkStatus();
    }
    std::lock_guard lock(mutex_);
    if (request.path() == "/stream") {
      std::move(done)({.content_type = "text/event-stream", .stream = stream});
      done = nullptr;
    }
    waiting_.push_back({std::move(request), std::move(call), std::move(done)});
    changed_.notify_all();
    return absl::OkStatus();
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable std::deque<Waiting> waiting_;
};

// Waits until the call has been cancelled.
void AwaitStop(const std::stop_token& stop) {
  std::promise<void> stopped;
  const std::stop_callback callback(stop, [&] { stopped.set_value(); });
  EXPECT_EQ(stopped.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

class HttpServerTest : public testing::Test {
 protected:
  static std::vector<std::unique_ptr<HttpHandler>> OneFake() {
    std::vector<std::unique_ptr<HttpHandler>> handlers;
    handlers.push_back(std::make_unique<FakeHandler>());
    return handlers;
  }

  void Start(HttpLimits limits = {}) {
    HttpServer::Options options = {.address = "127.0.0.1:0", .limits = limits};
    auto server = HttpServer::Create(options, handlers_, rules_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    server_->Start();
  }

  uint16_t port() const { return server_->port(); }

  // How many requests ended with that endpoint and code.
  double Count(const std::string& endpoint, const std::string& code) {
    for (const auto& family : registry_.Collect()) {
      if (family.name != "bentoml_api_server_request_total") continue;
      for (const auto& metric : family.metric) {
        bool matches = true;
        for (const auto& label : metric.label) {
          if (label.name == "endpoint") matches &= label.value == endpoint;
          if (label.name == "http_response_code") matches &= label.value == code;
        }
        if (matches) return metric.counter.value;
      }
    }
    return 0;
  }

  prometheus::Registry registry_;
  RequestMetrics metrics_{registry_, "inference_graph", "test"};
  FrontRules rules_{.metrics = metrics_};
  std::vector<std::unique_ptr<HttpHandler>> handlers_ = OneFake();
  FakeHandler& handler_ = static_cast<FakeHandler&>(*handlers_[0]);
  std::unique_ptr<HttpServer> server_;
};

constexpr char kGet[] = "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr char kWait[] = "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr char kStream[] = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n";

std::string Post(std::string_view fields, std::string_view body = "") {
  return "POST /echo HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n\r\n" +
         std::string(body);
}

TEST_F(HttpServerTest, AnswersManyRequestsOnOneConnection) {
  Start();
  SocketClient client(port());
  for (int i = 0; i < 100; ++i) {
    const auto reply = client.Ask(Post("Content-Length: 5", "hello"));
    ASSERT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "/echo hello");
    EXPECT_THAT(reply.Field("Connection"), IsEmpty());
    EXPECT_EQ(reply.Field("Content-Type"), "text/plain");
  }
  EXPECT_EQ(Count("/echo", "200"), 100);
}

TEST_F(HttpServerTest, ReadsRequestsHoweverTheyAreCut) {
  Start();
  SocketClient client(port());
  for (const char c : Post("Content-Length: 5", "hello")) client.Send({&c, 1});
  EXPECT_EQ(client.Read().body, "/echo hello");
  for (const char c : Post("Transfer-Encoding: chunked", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")) {
    client.Send({&c, 1});
  }
  EXPECT_EQ(client.Read().body, "/echo hello");
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  Start();
  SocketClient client(port());
  std::string requests = kWait;
  for (int i = 0; i < 1000; ++i) {
    absl::StrAppend(&requests, "GET /echo?", i, " HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  client.Send(requests);
  FakeHandler::Waiting first = handler_.Take();
  std::move(first.done)({.body = "first"});
  EXPECT_EQ(client.Read().body, "first");
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(client.Read().body, absl::StrCat("/echo?", i, " "));
}

TEST_F(HttpServerTest, EchoesRequestIdOrMakesOne) {
  Start();
  SocketClient client(port());
  auto reply = client.Ask("GET /echo HTTP/1.1\r\nHost: a\r\nX-Request-Id: a.B_c-1\r\n\r\n");
  EXPECT_EQ(reply.Field("X-Request-Id"), "a.B_c-1");
  EXPECT_EQ(reply.Field("X-BentoML-Request-ID"), "a.B_c-1");
  reply = client.Ask("GET /echo HTTP/1.1\r\nHost: a\r\nX-Request-Id: no good\r\n\r\n");
  EXPECT_THAT(reply.Field("X-Request-Id"), MatchesRegex("[0-9a-f]{32}"));
  EXPECT_THAT(client.Ask("bad\r\n\r\n").Field("X-Request-Id"), MatchesRegex("[0-9a-f]{32}"));
}

TEST_F(HttpServerTest, ClosesWhenTheClientWishes) {
  Start();
  SocketClient closing(port());
  auto reply = closing.Ask("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.Field("Connection"), "close");
  EXPECT_TRUE(closing.IsClosed());
  SocketClient old(port());
  EXPECT_EQ(old.Ask("GET /echo HTTP/1.0\r\n\r\n").Field("Connection"), "close");
  EXPECT_TRUE(old.IsClosed());
  SocketClient old_kept(port());
  const std::string keep = "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(old_kept.Ask(keep).Field("Connection"), "keep-alive");
  EXPECT_EQ(old_kept.Ask(keep).status, 200);
}

TEST_F(HttpServerTest, HeadGetsTheLengthButNoBody) {
  Start();
  SocketClient client(port());
  client.Send("HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.Read(/*has_body=*/false).Field("Content-Length"), "6");
  EXPECT_EQ(client.Ask(kGet).body, "/echo ");
}

TEST_F(HttpServerTest, RefusesAndClosesWhatItCannotDelimit) {
  Start();
  struct Case {
    std::string wire;
    int status;
  };
  const std::vector<Case> cases = {
      {Post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 400},
      {Post("Content-Length: 5\r\nContent-Length: 5", "hello"), 400},
      {Post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), 400},
      {Post("Transfer-Encoding: chunked", "5\nhello\n0\n\n"), 400},
      {Post("Transfer-Encoding: chunked", "5;\"\n\"\r\nhello\r\n0\r\n\r\n"), 400},
      {Post("A: b\r\n folded"), 400},
      {"GET /echo HTTP/1.1\nHost: a\n\n", 400},
      {"GET /echo HTTP/1.1\r\n\r\n", 400},
      {"GET /echo HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"\x16\x03\x01\x02\x01", 400},  // TLS.
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {Post("Expect: wonders"), 417},
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {"GET /" + std::string(100'000, 'a'), 414},
      {Post("A: " + std::string(100'000, 'a')), 431},
      {Post("Content-Length: 1048577"), 413},
      {Post("Content-Length: 99999999999999999999"), 413},
      {Post("Transfer-Encoding: chunked", "100001\r\n"), 413},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(testing::PrintToString(test.wire.substr(0, 80)));
    SocketClient client(port());
    // What follows must not be taken for a request.
    client.Send(test.wire);
    client.Send(kGet);
    client.CloseSending();
    const auto reply = client.Read();
    EXPECT_EQ(reply.status, test.status);
    EXPECT_EQ(reply.Field("Connection"), "close");
    EXPECT_TRUE(client.IsClosed());
  }
}

TEST_F(HttpServerTest, RefusesTooManyFields) {
  Start();
  std::string fields = "A: b";
  for (int i = 0; i < 98; ++i) fields += "\r\nA: b";
  EXPECT_EQ(SocketClient(port()).Ask(Post(fields)).status, 200);
  EXPECT_EQ(SocketClient(port()).Ask(Post(fields + "\r\nA: b")).status, 431);
}

TEST_F(HttpServerTest, TakesBodiesUpToTheLimit) {
  Start({.max_body_bytes = 100});
  SocketClient client(port());
  EXPECT_EQ(client.Ask(Post("Content-Length: 100", std::string(100, 'x'))).status, 200);
  const std::string chunk = "32\r\n" + std::string(50, 'x') + "\r\n";
  EXPECT_EQ(client.Ask(Post("Transfer-Encoding: chunked", chunk + chunk + "0\r\n\r\n")).status,
            200);
  EXPECT_EQ(client.Ask(Post("Transfer-Encoding: chunked", chunk + chunk + "1\r\n")).status, 413);
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(HttpServerTest, AnswersFromTheHeadButReadsTheBodySoThatTheConnectionLives) {
  Start();
  SocketClient client(port());
  EXPECT_EQ(
      client.Ask("POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").status,
      404);
  EXPECT_EQ(client.Ask(Post("Content-Encoding: gzip\r\nContent-Length: 5", "hello")).status, 415);
  EXPECT_EQ(client.Ask(Post("X-Request-Timeout-Ms: soon")).status, 400);
  EXPECT_EQ(client.Ask(Post("Content-Encoding: identity")).status, 200);
}

TEST_F(HttpServerTest, TellsTheErrorOfACallThatCannotBegin) {
  Start();
  SocketClient client(port());
  const auto reply = client.Ask("GET /refuse HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.body, "refused");
  EXPECT_EQ(client.Ask(kGet).status, 200);
  EXPECT_EQ(Count("/refuse", "429"), 1);
}

TEST_F(HttpServerTest, SaysBesideTheReplyWhatWasNotedOfTheCall) {
  Start();
  SocketClient client(port());
  client.Send(kWait);
  FakeHandler::Waiting waiting = handler_.Take();
  waiting.call.notes->finish_reason = "deadline";
  waiting.call.notes->server_timing = "a;dur=1.0";
  std::move(waiting.done)({});
  const auto reply = client.Read();
  EXPECT_EQ(reply.Field("X-Chorus-Finish-Reason"), "deadline");
  EXPECT_EQ(reply.Field("Server-Timing"), "a;dur=1.0");
}

TEST_F(HttpServerTest, AsksForTheBodyOnceTheHeadIsRight) {
  Start();
  SocketClient client(port());
  EXPECT_EQ(client.Ask(Post("Expect: 100-continue\r\nContent-Length: 5")).status, 100);
  EXPECT_EQ(client.Ask("hello").body, "/echo hello");
  // Nothing to ask for.
  EXPECT_EQ(client.Ask(Post("Expect: 100-continue\r\nContent-Length: 0")).status, 200);
}

TEST_F(HttpServerTest, DoesNotAskForABodyItWouldRefuse) {
  Start();
  const std::string head = " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ";
  SocketClient unknown(port());
  EXPECT_EQ(unknown.Ask("POST /nowhere" + head + "5\r\n\r\n").status, 404);
  EXPECT_TRUE(unknown.IsClosed());
  SocketClient large(port());
  EXPECT_EQ(large.Ask("POST /echo" + head + "5000000\r\n\r\n").status, 413);
  EXPECT_TRUE(large.IsClosed());
}

TEST_F(HttpServerTest, GivesUpOnSlowHeadsAndBodies) {
  Start({.head_timeout = absl::Milliseconds(50), .body_idle_timeout = absl::Milliseconds(50)});
  SocketClient head(port());
  EXPECT_EQ(head.Ask("GET /echo HTTP/1.1\r\nHost").status, 408);
  EXPECT_TRUE(head.IsClosed());
  SocketClient body(port());
  EXPECT_EQ(body.Ask(Post("Content-Length: 5", "hell")).status, 408);
  EXPECT_TRUE(body.IsClosed());
  SocketClient silent(port());
  EXPECT_TRUE(silent.IsClosed());
}

TEST_F(HttpServerTest, WithoutKeepAliveEveryReplyIsTheConnectionsLast) {
  Start({.keep_alive_timeout = absl::ZeroDuration()});
  SocketClient client(port());
  const auto reply = client.Ask(kGet);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.Field("Connection"), "close");
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(HttpServerTest, ADeadlineThatComesBeforeTheBodyIs504) {
  rules_.max_timeout = absl::Milliseconds(50);
  Start();
  SocketClient begun(port());
  EXPECT_EQ(begun.Ask(Post("Content-Length: 5", "h")).status, 504);
  EXPECT_TRUE(begun.IsClosed());
  SocketClient none(port());
  EXPECT_EQ(none.Ask(Post("Content-Length: 5", "")).status, 504);
  SocketClient asked(port());
  EXPECT_EQ(asked.Ask(Post("Content-Length: 5\r\nX-Request-Timeout-Ms: 10", "")).status, 504);
  EXPECT_EQ(Count("/echo", "504"), 3);
}

TEST_F(HttpServerTest, ClosesIdleConnectionsWithoutAWord) {
  Start({.keep_alive_timeout = absl::Milliseconds(20)});
  SocketClient client(port());
  EXPECT_EQ(client.Ask(kGet).status, 200);
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(HttpServerTest, AClientThatLeavesStopsItsCall) {
  Start();
  const std::vector<std::function<void(SocketClient&)>> ways = {
      [](SocketClient& client) { client.Close(); }, [](SocketClient& client) { client.Reset(); },
      [](SocketClient& client) { client.CloseSending(); }};
  for (const auto& leave : ways) {
    SocketClient client(port());
    client.Send(kWait);
    FakeHandler::Waiting waiting = handler_.Take();
    EXPECT_FALSE(waiting.call.stop.stop_requested());
    leave(client);
    AwaitStop(waiting.call.stop);
    std::move(waiting.done)({.body = "too late"});
  }
  EXPECT_EQ(Count("/wait", "499"), 3);
}

TEST_F(HttpServerTest, AClientThatEndsItsSideIsToldThatThisCountsAsLeaving) {
  Start();
  SocketClient client(port());
  client.Send(kWait);
  const FakeHandler::Waiting waiting = handler_.Take();
  client.CloseSending();
  const auto reply = client.Read();
  EXPECT_EQ(reply.status, 499);
  EXPECT_THAT(reply.body, HasSubstr("keep it open"));
  EXPECT_TRUE(waiting.call.stop.stop_requested());
  EXPECT_TRUE(client.IsClosed());

  SocketClient reader(port());
  reader.Send(kStream);
  handler_.Take();
  handler_.stream->Push("x");
  EXPECT_EQ(reader.ReadHead().status, 200);
  EXPECT_EQ(reader.ReadBytes(6), "1\r\nx\r\n");
  reader.CloseSending();
  EXPECT_THAT(reader.ReadBytes(1000), EndsWith("error CANCELLED\r\n"));

  // What is answered at once is answered whole.
  SocketClient quick(port());
  quick.Send(kGet);
  quick.CloseSending();
  EXPECT_EQ(quick.Read().status, 200);
}

TEST_F(HttpServerTest, AnswersByTheDeadlineAndDropsTheLateReply) {
  Start();
  SocketClient client(port());
  client.Send("GET /wait HTTP/1.1\r\nHost: a\r\nX-Request-Timeout-Ms: 30\r\n\r\n");
  FakeHandler::Waiting waiting = handler_.Take();
  EXPECT_LE(waiting.call.deadline, absl::Now() + absl::Milliseconds(30));
  EXPECT_EQ(client.Read().status, 504);
  EXPECT_TRUE(waiting.call.stop.stop_requested());
  std::move(waiting.done)({.body = "late"});
  // The connection lives, and the next reply is the next request's.
  client.Send(kWait);
  FakeHandler::Waiting next = handler_.Take();
  EXPECT_FALSE(next.call.stop.stop_requested());
  std::move(next.done)({.body = "next"});
  EXPECT_EQ(client.Read().body, "next");
}

TEST_F(HttpServerTest, CapsTheDeadlineAtTheServersOwn) {
  rules_.max_timeout = absl::Milliseconds(30);
  Start();
  SocketClient client(port());
  EXPECT_EQ(
      client.Ask("GET /wait HTTP/1.1\r\nHost: a\r\nX-Request-Timeout-Ms: 99999\r\n\r\n").status,
      504);
  handler_.Take();
}

TEST_F(HttpServerTest, RefusesConnectionsOverTheLimit) {
  Start({.max_connections = 2});
  SocketClient first(port()), second(port());
  EXPECT_EQ(first.Ask(kGet).status, 200);
  EXPECT_EQ(second.Ask(kGet).status, 200);
  SocketClient third(port());
  EXPECT_EQ(third.Read().status, 503);
  EXPECT_TRUE(third.IsClosed());
  EXPECT_EQ(first.Ask(kGet).status, 200);
}

TEST_F(HttpServerTest, DrainLetsRequestsEndAndTakesNoMore) {
  Start();
  SocketClient idle(port()), busy(port());
  EXPECT_EQ(idle.Ask(kGet).status, 200);
  busy.Send(kWait);
  FakeHandler::Waiting waiting = handler_.Take();
  std::future<absl::Status> drained =
      std::async(std::launch::async, [this] { return server_->Drain(absl::InfiniteFuture()); });
  EXPECT_TRUE(idle.IsClosed());
  EXPECT_FALSE(SocketClient(port()).connected());
  EXPECT_FALSE(waiting.call.stop.stop_requested());
  std::move(waiting.done)({.body = "done"});
  const auto reply = busy.Read();
  EXPECT_EQ(reply.body, "done");
  EXPECT_EQ(reply.Field("Connection"), "close");
  EXPECT_TRUE(busy.IsClosed());
  busy.Close();
  EXPECT_TRUE(drained.get().ok());
}

TEST_F(HttpServerTest, WritesAStreamAsItComesAndThenTakesTheNextRequest) {
  Start();
  SocketClient client(port());
  client.Send(kStream);
  handler_.Take();
  handler_.stream->Push("first");
  const auto reply = client.ReadHead();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.Field("Content-Type"), "text/event-stream");
  EXPECT_EQ(reply.Field("Transfer-Encoding"), "chunked");
  EXPECT_FALSE(reply.Has("Content-Length"));
  EXPECT_EQ(client.ReadBytes(10), "5\r\nfirst\r\n");
  handler_.stream->Push(std::string(18, 'x'));
  EXPECT_EQ(client.ReadBytes(24), "12\r\n" + std::string(18, 'x') + "\r\n");
  EXPECT_EQ(Count("/stream", "200"), 0);
  handler_.stream->Push("end", absl::OkStatus());
  EXPECT_EQ(client.ReadBytes(13), "3\r\nend\r\n0\r\n\r\n");
  EXPECT_EQ(client.Ask(kGet).status, 200);
  EXPECT_EQ(Count("/stream", "200"), 1);
}

TEST_F(HttpServerTest, AStreamThatFailsBeforeItsFirstEventHasACodeOfItsOwn) {
  Start();
  SocketClient client(port());
  client.Send(kStream);
  handler_.Take();
  handler_.stream->Push("", absl::UnavailableError("gone"));
  const auto reply = client.Read();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, "gone");
  EXPECT_EQ(client.Ask(kGet).status, 200);
}

TEST_F(HttpServerTest, AStreamThatFailsLaterHasNoProperEnd) {
  Start();
  SocketClient client(port());
  client.Send(kStream);
  handler_.Take();
  handler_.stream->Push("x", absl::UnavailableError("gone"));
  client.ReadHead();
  EXPECT_EQ(client.ReadBytes(1000), "12\r\nxerror UNAVAILABLE\r\n");
  EXPECT_TRUE(client.IsClosed());
  EXPECT_EQ(Count("/stream", "503"), 1);
}

TEST_F(HttpServerTest, AHeartbeatCommitsTheHead) {
  Start({.heartbeat_interval = absl::Milliseconds(20)});
  SocketClient client(port());
  client.Send(kStream);
  handler_.Take();
  EXPECT_EQ(client.ReadHead().status, 200);
  EXPECT_EQ(client.ReadBytes(18), "4\r\nbeat\r\n4\r\nbeat\r\n");
  handler_.stream->Push("", absl::UnavailableError("gone"));
  EXPECT_THAT(client.ReadBytes(1000), EndsWith("11\r\nerror UNAVAILABLE\r\n"));
}

TEST_F(HttpServerTest, OldClientsGetAStreamUntilTheConnectionEnds) {
  Start();
  SocketClient client(port());
  client.Send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  handler_.Take();
  handler_.stream->Push("all", absl::OkStatus());
  const auto reply = client.ReadHead();
  EXPECT_EQ(reply.Field("Connection"), "close");
  EXPECT_FALSE(reply.Has("Transfer-Encoding"));
  EXPECT_EQ(client.ReadBytes(1000), "all");
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(HttpServerTest, AClientThatLeavesStopsItsStream) {
  Start();
  const std::vector<std::function<void(SocketClient&)>> ways = {
      [](SocketClient& client) { client.Close(); }, [](SocketClient& client) { client.Reset(); },
      [](SocketClient& client) { client.CloseSending(); }};
  for (const auto& leave : ways) {
    handler_.stream = std::make_shared<TestStream>();
    SocketClient client(port());
    client.Send(kStream);
    FakeHandler::Waiting waiting = handler_.Take();
    handler_.stream->Push("x");
    EXPECT_EQ(client.ReadHead().status, 200);
    leave(client);
    AwaitStop(waiting.call.stop);
    handler_.stream->Push("too late", absl::OkStatus());
  }
  EXPECT_EQ(Count("/stream", "499"), 3);
}

TEST_F(HttpServerTest, AReaderThatIsTooSlowIsCancelled) {
  rules_.write_timeout = absl::Milliseconds(50);
  Start();
  SocketClient client(port());
  client.Send(kStream);
  FakeHandler::Waiting waiting = handler_.Take();
  handler_.stream->Push(std::string(64 << 20, 'x'));  // More than the kernel keeps for it.
  AwaitStop(waiting.call.stop);
}

TEST_F(HttpServerTest, AStreamEndsAtTheDeadline) {
  Start();
  const std::string request =
      "GET /stream HTTP/1.1\r\nHost: a\r\nX-Request-Timeout-Ms: 200\r\n\r\n";
  SocketClient silent(port());
  silent.Send(request);
  FakeHandler::Waiting waiting = handler_.Take();
  EXPECT_EQ(silent.Read().status, 504);
  AwaitStop(waiting.call.stop);
  handler_.stream = std::make_shared<TestStream>();
  SocketClient begun(port());
  begun.Send(request);
  waiting = handler_.Take();
  handler_.stream->Push("x");
  EXPECT_EQ(begun.ReadHead().status, 200);
  EXPECT_EQ(begun.ReadBytes(1000), "1\r\nx\r\n17\r\nerror DEADLINE_EXCEEDED\r\n");
  AwaitStop(waiting.call.stop);
}

TEST_F(HttpServerTest, DrainTellsAStreamThatItCutsIt) {
  Start();
  SocketClient client(port());
  client.Send(kStream);
  FakeHandler::Waiting waiting = handler_.Take();
  handler_.stream->Push("x");
  EXPECT_EQ(client.ReadHead().status, 200);
  EXPECT_EQ(client.ReadBytes(6), "1\r\nx\r\n");
  EXPECT_FALSE(server_->Drain(absl::Now() + absl::Milliseconds(20)).ok());
  EXPECT_TRUE(waiting.call.stop.stop_requested());
  EXPECT_EQ(client.ReadBytes(1000), "11\r\nerror UNAVAILABLE\r\n");
}

// Whatever has come of a request, and whatever its client waits for. What comes together with an
// earlier request has been read when that is answered.
TEST_F(HttpServerTest, DrainAnswersWhatItCuts) {
  const struct {
    std::string request;
    int status_before;  // Of what is answered before; 0: nothing.
    bool is_begun;
  } kCases[] = {
      {kWait, 0, true},
      {kStream, 0, true},
      {std::string(kGet) + "GET /wait HTTP/1.1\r\nHost:", 200, false},
      {std::string(kGet) + "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nha", 200,
       false},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n", 100,
       false},
  };
  for (const auto& c : kCases) {
    Start();
    SocketClient client(port());
    client.Send(c.request);
    std::optional<FakeHandler::Waiting> waiting;
    if (c.is_begun) waiting = handler_.Take();
    if (c.status_before == 200) {
      EXPECT_EQ(client.Read().status, 200);
    } else if (c.status_before != 0) {
      EXPECT_EQ(client.ReadHead().status, c.status_before);
    }
    const absl::Status status = server_->Drain(absl::Now() + absl::Milliseconds(50));
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_THAT(status.message(), HasSubstr("1"));
    if (waiting.has_value()) {
      EXPECT_TRUE(waiting->call.stop.stop_requested());
    }
    const auto reply = client.Read();
    EXPECT_EQ(reply.status, 503) << c.request;
    EXPECT_THAT(reply.body, HasSubstr("shut down"));
    EXPECT_EQ(reply.Field("Connection"), "close");
    EXPECT_TRUE(client.IsClosed());
  }
}

TEST_F(HttpServerTest, DrainDoesNotWaitForAClientThatNeverCloses) {
  Start({.linger_timeout = absl::Milliseconds(1)});
  SocketClient client(port());
  client.Send(kWait);
  handler_.Take();
  EXPECT_FALSE(server_->Drain(absl::Now()).ok());  // Returns, though the client stays.
  EXPECT_EQ(client.Read().status, 503);
}

TEST_F(HttpServerTest, DestructionCancelsAndLateCompletionsDoNoHarm) {
  Start();
  SocketClient client(port());
  client.Send(kWait);
  FakeHandler::Waiting waiting = handler_.Take();
  server_.reset();
  EXPECT_TRUE(waiting.call.stop.stop_requested());
  EXPECT_TRUE(client.IsClosed());
  std::move(waiting.done)({.body = "late"});
}

TEST_F(HttpServerTest, RefusesBadAddresses) {
  for (const char* address : {"", "3000", ":3000", "localhost:", "localhost", "[::]", "[::1]",
                              "127.0.0.1:65536", "127.0.0.1:70000", "nowhere.invalid:3000"}) {
    const auto server = HttpServer::Create({.address = address}, handlers_, rules_);
    EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument) << address;
  }
  Start();
  const auto second =
      HttpServer::Create({.address = absl::StrCat("127.0.0.1:", port())}, handlers_, rules_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(second.status().message(), HasSubstr("another program listens on 127.0.0.1:"));
  const auto other = HttpServer::Create({.address = "192.0.2.1:3000"}, handlers_, rules_);
  EXPECT_EQ(other.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(other.status().message(), HasSubstr("not an address of this machine"));
  EXPECT_EQ(HttpServer::Create({.num_io_threads = 0}, handlers_, rules_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// Whether a connection to the port is taken.
bool Connects(const std::string& host, uint16_t port) {
  const SocketAddress to = SocketAddress::Resolve({.host = host, .port = port})->front();
  const int fd = socket(to.data()->sa_family, SOCK_STREAM, 0);
  const bool connected = connect(fd, to.data(), to.size()) == 0;
  close(fd);
  return connected;
}

TEST_F(HttpServerTest, ListensOnTheFamiliesThatTheAddressNames) {
  const bool has_ipv6 = SocketAddress::Parse("[::1]:0")->CheckFree().ok();
  struct Case {
    std::string address;
    bool ipv4, ipv6;
  };
  std::vector<Case> cases = {{"0.0.0.0:0", true, false}, {"127.0.0.1:0", true, false}};
  if (has_ipv6) cases.insert(cases.end(), {{"[::]:0", true, true}, {"[::1]:0", false, true}});
  for (const Case& c : cases) {
    const auto server = HttpServer::Create({.address = c.address}, handlers_, rules_);
    ASSERT_TRUE(server.ok()) << server.status();
    (*server)->Start();
    EXPECT_EQ(Connects("127.0.0.1", (*server)->port()), c.ipv4) << c.address;
    if (has_ipv6) {
      EXPECT_EQ(Connects("::1", (*server)->port()), c.ipv6) << c.address;
    }
  }
  const auto named = HttpServer::Create({.address = "localhost:0"}, handlers_, rules_);
  ASSERT_TRUE(named.ok()) << named.status();
  (*named)->Start();
  const std::vector<SocketAddress> addresses = *SocketAddress::Resolve({.host = "localhost"});
  for (const SocketAddress& address : addresses) {
    const std::string text = address.ToString();
    const HostPort host = *HostPort::Parse(text);
    if (address.CheckFree().ok()) {
      EXPECT_TRUE(Connects(host.host, (*named)->port())) << text;
    }
  }
}

// The lines that `log` wrote to the file, one a call.
class LogFile {
 public:
  LogFile() : file_(std::tmpfile()) { log_.emplace(fileno(file_)); }
  ~LogFile() { std::fclose(file_); }
  AccessLog* log() { return &*log_; }
  // Ends the log.
  std::string Read() {
    log_.reset();
    std::rewind(file_);
    std::string text(1 << 16, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file_));
    return text;
  }

 private:
  std::FILE* file_;
  std::optional<AccessLog> log_;
};

TEST_F(HttpServerTest, LogsEachCallAndNoReadThatSucceeds) {
  LogFile file;
  rules_.access_log = file.log();
  server_ = *HttpServer::Create({.address = "127.0.0.1:0"}, handlers_, rules_);
  server_->Start();
  SocketClient client(port());
  EXPECT_EQ(client.Ask(kGet).status, 200);
  EXPECT_EQ(
      client.Ask("GET /nowhere?secret HTTP/1.1\r\nHost: a\r\nX-Request-Id: lost\r\n\r\n").status,
      404);
  EXPECT_EQ(client.Ask(Post("Content-Length: 5\r\nX-Request-Id: said", "words")).status, 200);
  client.Send("POST /wait HTTP/1.1\r\nHost: a\r\nX-Request-Id: waited\r\n\r\n");
  FakeHandler::Waiting waiting = handler_.Take();
  waiting.call.notes->usage.Set({.prompt_tokens = 5,
                                 .generated_tokens = 20,
                                 .queue_time = absl::Milliseconds(1),
                                 .first_token_time = absl::Milliseconds(2)});
  std::move(waiting.done)({.body = "text"});
  EXPECT_EQ(client.Read().status, 200);
  client.Send("POST /wait HTTP/1.1\r\nHost: a\r\nX-Request-Id: left\r\n\r\n");
  const FakeHandler::Waiting left = handler_.Take();
  left.call.notes->usage.Set({.prompt_tokens = 7});
  client.Reset();
  AwaitStop(left.call.stop);
  server_.reset();

  const std::vector<std::string> lines = absl::StrSplit(absl::StripSuffix(file.Read(), "\n"), '\n');
  const std::string time = "access time=[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9.]+Z ";
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_THAT(lines[0], MatchesRegex(time + "request=lost protocol=http method=GET route=other "
                                            "status=404 seconds=0\\.[0-9]+ reply_bytes=13"));
  EXPECT_THAT(lines[1], MatchesRegex(time + "request=said protocol=http method=POST route=/echo "
                                            "status=200 seconds=0\\.[0-9]+ reply_bytes=11"));
  EXPECT_THAT(lines[2],
              MatchesRegex(time + "request=waited protocol=http method=POST route=/wait status=200 "
                                  "seconds=[0-9.]+ queue_seconds=0\\.001000 "
                                  "first_token_seconds=0\\.002000 prompt_tokens=5 "
                                  "generated_tokens=20 reply_bytes=4"));
  EXPECT_THAT(lines[3], MatchesRegex(time + "request=left protocol=http method=POST route=/wait "
                                            "status=499 seconds=[0-9.]+ prompt_tokens=7"));
}

TEST_F(HttpServerTest, LogsWhatACutStreamHadComeTo) {
  LogFile file;
  rules_.access_log = file.log();
  server_ = *HttpServer::Create({.address = "127.0.0.1:0"}, handlers_, rules_);
  server_->Start();
  SocketClient client(port());
  client.Send("POST /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  const FakeHandler::Waiting waiting = handler_.Take();
  waiting.call.notes->usage.Set({.generated_tokens = 3, .first_token_time = absl::Milliseconds(2)});
  handler_.stream->Push("abc");
  EXPECT_EQ(client.ReadHead().status, 200);
  EXPECT_EQ(client.ReadBytes(8), "3\r\nabc\r\n");
  client.Reset();
  AwaitStop(waiting.call.stop);
  server_.reset();
  EXPECT_THAT(file.Read(), MatchesRegex("access .* status=499 seconds=[0-9.]+ "
                                        "first_token_seconds=0\\.002000 generated_tokens=3 "
                                        "reply_bytes=3\n"));
}

TEST_F(HttpServerTest, ServesManyConnectionsWithCompletionsFromOtherThreads) {
  Start();
  constexpr int kClients = 8, kRequests = 50;
  std::vector<std::thread> answerers, clients;
  for (int i = 0; i < 2; ++i) {
    answerers.emplace_back([this] {
      for (int j = 0; j < kClients * kRequests / 2; ++j) {
        FakeHandler::Waiting waiting = handler_.Take();
        std::move(waiting.done)({.body = waiting.request.body});
      }
    });
  }
  std::atomic<int> num_right = 0;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&, i] {
      SocketClient client(port());
      for (int j = 0; j < kRequests; ++j) {
        const std::string body = absl::StrCat(i, ".", j);
        const auto reply = client.Ask(absl::StrCat(
            "POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
        if (reply.body == body) ++num_right;
      }
    });
  }
  for (auto& thread : clients) thread.join();
  for (auto& thread : answerers) thread.join();
  EXPECT_EQ(num_right, kClients * kRequests);
  EXPECT_EQ(Count("/wait", "200"), kClients * kRequests);
}

}  // namespace
}  // namespace chorus::gateway
