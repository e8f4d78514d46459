#include "base/host_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace chorus {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(HostPort, TakesNamesAndAddresses) {
  struct Case {
    std::string text, host;
    int port;
    bool has_address;
  };
  for (const Case& c :
       std::vector<Case>{{"127.0.0.1:3000", "127.0.0.1", 3000, true},
                         {"0.0.0.0:0", "0.0.0.0", 0, true},
                         {"[::]:65535", "::", 65535, true},
                         {"[::1]:1", "::1", 1, true},
                         {"[fe80::1%eth0]:1", "fe80::1%eth0", 1, true},
                         {"localhost:50051", "localhost", 50051, false},
                         {"runner-gpt2.example_1:80", "runner-gpt2.example_1", 80, false},
                         {"1.2.3:1", "1.2.3", 1, false}}) {
    const absl::StatusOr<HostPort> parsed = HostPort::Parse(c.text);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->host, c.host);
    EXPECT_EQ(parsed->port, c.port);
    EXPECT_EQ(parsed->has_address(), c.has_address) << c.text;
    EXPECT_EQ(parsed->ToString(), c.text);
  }
}

TEST(HostPort, SaysWhatToWriteInstead) {
  struct Case {
    std::string text, hint;
  };
  for (const Case& c :
       std::vector<Case>{{"", "has no host"},
                         {":3000", "0.0.0.0 all its IPv4 addresses"},
                         {"localhost", "has no port: write HOST:PORT, such as localhost:3000"},
                         {"localhost:", "such as localhost:3000"},
                         {"127.0.0.1", "such as 127.0.0.1:3000"},
                         {"[::]", "has no port: write HOST:PORT, such as [::]:3000"},
                         {"[::1]", "such as [::1]:3000"},
                         {"[::1]:", "such as [::1]:3000"},
                         {"::", "in brackets"},
                         {"::1", "in brackets"},
                         {"::1:3000", "in brackets"},
                         {"[::1", "in brackets"},
                         {"a:1:2", "in brackets"},
                         {"[::1]x:3000", "must be HOST:PORT"},
                         {"[localhost]:3000", "must be HOST:PORT"},
                         {"[]:3000", "must be HOST:PORT"},
                         {"http://localhost:3000", "must be HOST:PORT"},
                         {"a b:1", "must be HOST:PORT"},
                         {"a/b:1", "must be HOST:PORT"},
                         {"localhost:65536", "a port from 0 to 65535"},
                         {"localhost:70000", "a port from 0 to 65535"},
                         {"localhost:4294967297", "a port from 0 to 65535"},
                         {"localhost:99999999999999999999", "a port from 0 to 65535"},
                         {"localhost:-1", "a port from 0 to 65535"},
                         {"localhost:+1", "a port from 0 to 65535"},
                         {"localhost:http", "a port from 0 to 65535"},
                         {"[::1]:65536", "a port from 0 to 65535"}}) {
    const absl::Status status = HostPort::Parse(c.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("\"" + c.text + "\""), HasSubstr(c.hint)));
  }
  EXPECT_TRUE(HostPort::Check("--address", "a:1").ok());
  EXPECT_EQ(HostPort::Check("--address", "a:x").message(),
            "--address: \"a:x\" must have a port from 0 to 65535");
}

TEST(WithPort, ReplacesThePort) {
  EXPECT_EQ(WithPort("127.0.0.1:0", 8080), "127.0.0.1:8080");
  EXPECT_EQ(WithPort("[::1]:0", 8080), "[::1]:8080");
  EXPECT_EQ(WithPort("unix:/run/a.sock", 1), "unix:/run/a.sock");
}

}  // namespace
}  // namespace chorus
