#include "base/grpc/listen.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/socket_address.h"
#include "tests/base/loopback_socket.h"

namespace chorus {
namespace {

using ::testing::HasSubstr;

// A server that listens on an address and implements nothing.
struct Listening {
  std::unique_ptr<grpc::CallbackGenericService> service;
  std::unique_ptr<grpc::Server> server;
  int port = 0;
  absl::Status status;
};

Listening Listen(const std::string& address) {
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  auto listener = GrpcListener::Add(address, builder);
  if (!listener.ok()) return {.status = listener.status()};
  auto service = std::make_unique<grpc::CallbackGenericService>();
  builder.RegisterCallbackGenericService(service.get());
  auto server = builder.BuildAndStart();
  return {std::move(service), std::move(server), (*listener)->port(), absl::OkStatus()};
}

bool Connects(const std::string& address) {
  const SocketAddress to = *SocketAddress::Parse(address);
  const int fd = socket(to.data()->sa_family, SOCK_STREAM, 0);
  const bool connected = connect(fd, to.data(), to.size()) == 0;
  close(fd);
  return connected;
}

bool HasIpv6() { return SocketAddress::Parse("[::1]:0")->CheckFree().ok(); }

TEST(GrpcListener, OpensIpv4AloneForItsWildcard) {
  for (int i = 0; i < 2; ++i) {
    // A port that the system chooses, and one that is given.
    static int port = 0;
    const Listening listening = Listen(absl::StrCat("0.0.0.0:", port));
    ASSERT_NE(listening.server, nullptr);
    port = listening.port;
    EXPECT_GT(port, 0);
    EXPECT_TRUE(Connects(absl::StrCat("127.0.0.1:", port)));
    if (HasIpv6()) {
      EXPECT_FALSE(Connects(absl::StrCat("[::1]:", port)));
    }
  }
}

TEST(GrpcListener, OpensBothFamiliesForTheWildcardOfIpv6) {
  if (!HasIpv6()) GTEST_SKIP() << "this machine has no IPv6";
  const Listening listening = Listen("[::]:0");
  ASSERT_NE(listening.server, nullptr);
  EXPECT_TRUE(Connects(absl::StrCat("127.0.0.1:", listening.port)));
  EXPECT_TRUE(Connects(absl::StrCat("[::1]:", listening.port)));
}

TEST(GrpcListener, OpensWhatItIsTold) {
  EXPECT_GT(Listen("127.0.0.1:0").port, 0);
  EXPECT_GT(Listen("localhost:0").port, 0);
  const std::string path = testing::TempDir() + "grpc_listen_test.sock";
  EXPECT_NE(Listen("unix:" + path).server, nullptr);
}

TEST(GrpcListener, SaysWhyItCannot) {
  for (const char* address : {"[::]", "[::1]", "localhost", "localhost:70000", ":50051"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Listen(address).status)) << address;
  }
  const absl::Status other = Listen("192.0.2.1:50051").status;
  EXPECT_TRUE(absl::IsNotFound(other));
  EXPECT_THAT(std::string(other.message()), HasSubstr("not an address of this machine"));
  const LoopbackSocket taken;
  EXPECT_TRUE(absl::IsAlreadyExists(Listen(taken.address()).status));
  EXPECT_TRUE(absl::IsAlreadyExists(Listen(absl::StrCat("0.0.0.0:", taken.port())).status));
}

}  // namespace
}  // namespace chorus
