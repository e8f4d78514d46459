#include "cli/serve/gateway_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <optional>
#include <string>

#include "tests/base/temp_directory.h"
#include "tests/cli/loopback_server.h"

namespace chorus {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ReadPortsFile, NeedsBothLines) {
  const TempDirectory temp;
  const struct {
    const char* text;
    bool whole;
  } kCases[] = {
      {"http=127.0.0.1:3000\ngrpc=127.0.0.1:50051\n", true},
      {"grpc=[::1]:1\nadmin=127.0.0.1:9\nhttp=[::1]:2", true},
      {"http=127.0.0.1:3000\n", false},
      {"http=127.0.0.1\ngrpc=127.0.0.1:50051\n", false},
      {"", false},
  };
  for (const auto& c : kCases) {
    PutFile(temp / "ports", c.text);
    EXPECT_EQ(ReadPortsFile(temp / "ports").has_value(), c.whole) << c.text;
  }
  EXPECT_FALSE(ReadPortsFile(temp / "absent").has_value());
}

TEST(HttpProbe, SendsARequestAndReadsTheCode) {
  const struct {
    const char* answer;
    int code;
  } kCases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\n", 200},
      {"HTTP/1.1 503 Service Unavailable\r\n\r\nRunners are not ready.", 503},
      {"HTTP/1.1 200", 200},
      {"HTTP/1.1 20", 0},
      {"SSH-2.0-OpenSSH_9.2", 0},
      {"HTTP/1.1 abc", 0},
      {"", 0},
  };
  const LoopbackServer server;
  for (const auto& c : kCases) {
    absl::StatusOr<HttpProbe> probe =
        HttpProbe::Start(*SocketAddress::Parse(server.address()), "/readyz");
    ASSERT_TRUE(probe.ok()) << probe.status();
    std::optional<int> code;
    bool served = false;
    while (!code) {
      pollfd entry{probe->fd(), probe->events(), 0};
      ASSERT_EQ(poll(&entry, 1, 30000), 1);
      code = probe->OnEvent();
      if (!served && probe->events() == POLLIN) {
        served = true;
        EXPECT_THAT(server.Serve(c.answer), AllOf(StartsWith("GET /readyz HTTP/1.1\r\n"),
                                                  HasSubstr("Host: " + server.address() + "\r\n")));
      }
    }
    EXPECT_EQ(*code, c.code) << c.answer;
  }
}

TEST(HttpProbe, ReportsThatNobodyListens) {
  LoopbackServer server;
  server.Close();
  absl::StatusOr<HttpProbe> probe = HttpProbe::Start(*SocketAddress::Parse(server.address()), "/");
  if (!probe.ok()) return;  // Refused at once.
  pollfd entry{probe->fd(), probe->events(), 0};
  ASSERT_EQ(poll(&entry, 1, 30000), 1);
  EXPECT_EQ(probe->OnEvent(), 0);
}

class GatewayWatchTest : public ::testing::Test {
 protected:
  // Time is the test's own.
  std::optional<GatewayAddresses> AdvanceTo(int ms) {
    return watch_.Advance(absl::Milliseconds(ms));
  }
  void WritePorts() {
    PutFile(temp_ / "ports", "http=" + server_.address() + "\ngrpc=127.0.0.1:50051\n");
  }
  // The server answers the probe under way.
  void Answer(const char* answer) {
    bool served = false;
    for (int i = 0; i < 2; ++i) {
      pollfd entry{watch_.probe_fd(), watch_.probe_events(), 0};
      ASSERT_EQ(poll(&entry, 1, 30000), 1);
      watch_.OnProbeEvent();
      if (!served) server_.Serve(answer);
      served = true;
    }
  }

  const TempDirectory temp_;
  const LoopbackServer server_;
  GatewayWatch watch_{{.ports_file = temp_ / "ports"}};
};

TEST_F(GatewayWatchTest, RestsUntilBegun) {
  EXPECT_EQ(watch_.next_deadline(), absl::InfiniteDuration());
  WritePorts();
  EXPECT_FALSE(AdvanceTo(1000).has_value());
  EXPECT_EQ(watch_.probe_fd(), -1);
}

TEST_F(GatewayWatchTest, WaitsForTheFileThenForReadinessAndTellsOnce) {
  watch_.Begin(absl::ZeroDuration());
  EXPECT_FALSE(AdvanceTo(0).has_value());
  EXPECT_EQ(watch_.probe_fd(), -1);
  EXPECT_EQ(watch_.next_deadline(), absl::Milliseconds(100));

  WritePorts();
  EXPECT_FALSE(AdvanceTo(100).has_value());
  EXPECT_GE(watch_.probe_fd(), 0);
  Answer("HTTP/1.1 503 Service Unavailable\r\n\r\n");
  EXPECT_FALSE(AdvanceTo(110).has_value());
  EXPECT_EQ(watch_.probe_fd(), -1);
  EXPECT_EQ(watch_.next_deadline(), absl::Milliseconds(210));

  EXPECT_FALSE(AdvanceTo(210).has_value());
  Answer("HTTP/1.1 200 OK\r\n\r\n");
  const std::optional<GatewayAddresses> addresses = AdvanceTo(220);
  ASSERT_TRUE(addresses.has_value());
  EXPECT_EQ(addresses->http.ToString(), server_.address());
  EXPECT_EQ(addresses->grpc.ToString(), "127.0.0.1:50051");
  EXPECT_FALSE(AdvanceTo(10000).has_value());
  EXPECT_EQ(watch_.next_deadline(), absl::InfiniteDuration());
}

TEST_F(GatewayWatchTest, GivesUpAProbeThatHangs) {
  WritePorts();
  watch_.Begin(absl::ZeroDuration());
  AdvanceTo(0);
  const int first = watch_.probe_fd();
  ASSERT_GE(first, 0);
  EXPECT_EQ(watch_.next_deadline(), absl::Seconds(5));
  EXPECT_FALSE(AdvanceTo(4999).has_value());
  EXPECT_FALSE(AdvanceTo(5000).has_value());
  EXPECT_GE(watch_.probe_fd(), 0);
  EXPECT_EQ(watch_.next_deadline(), absl::Seconds(10));
}

TEST_F(GatewayWatchTest, EndStopsTheProbe) {
  WritePorts();
  watch_.Begin(absl::ZeroDuration());
  AdvanceTo(0);
  watch_.End();
  EXPECT_EQ(watch_.probe_fd(), -1);
  EXPECT_EQ(watch_.next_deadline(), absl::InfiniteDuration());
}

}  // namespace
}  // namespace chorus
