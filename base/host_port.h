#pragma once

// "HOST:PORT", as every flag and file of the tree has addresses: "127.0.0.1:3000", "[::1]:3000",
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

  // INVALID_ARGUMENT quotes the text and says what to write in its place. Asks no resolver.
  static absl::StatusOr<HostPort> Parse(std::string_view text);

  // OK if Parse() takes the text; else its error, which then begins with `what`: "--http_address".
  static absl::Status Check(std::string_view what, std::string_view text);

  // Whether the host is an IPv4 or IPv6 address, and no name.
  bool has_address() const;

  // As Parse takes it.
  std::string ToString() const;
};

}  // namespace chorus
