#pragma once

// "HOST:PORT", the form of addresses in all flags and files: "127.0.0.1:3000", "[::1]:3000",
// "localhost:3000".
//
// Thread safety: a value.

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus {

struct HostPort {
  std::string host;  // A name, or an address without brackets.
  int port = 0;      // 0 to 65535.

  // INVALID_ARGUMENT quotes the text and says what to write instead. Resolves no name.
  static absl::StatusOr<HostPort> Parse(std::string_view text);

  // OK if Parse() accepts the text; else its error, prefixed with `what`, such as "--http_address".
  static absl::Status Check(std::string_view what, std::string_view text);

  // Whether the host is an IPv4 or IPv6 address, not a name.
  bool has_address() const;

  // The inverse of Parse().
  std::string ToString() const;
};

// Whether `host` is a name or an address of this machine alone, as those of the loopback interface:
// "localhost", "127.0.0.1", "::1".
bool IsLoopback(std::string_view host);

// `address` with `port` in place of the one it names ("127.0.0.1:0", 8080 -> "127.0.0.1:8080"). A
// unix: address stays as it is.
std::string WithPort(std::string_view address, int port);

}  // namespace chorus
