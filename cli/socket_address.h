#pragma once

// A TCP address to listen on or to connect to.
//
// Thread safety: a value.

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus {

class SocketAddress {
 public:
  // `host` is a name or an address without brackets; a name may ask the network. INVALID_ARGUMENT
  // names the host.
  static absl::StatusOr<SocketAddress> Resolve(const std::string& host, int port);

  // "127.0.0.1:3000" or "[::1]:3000"; no names. INVALID_ARGUMENT quotes the text.
  static absl::StatusOr<SocketAddress> Parse(std::string_view host_port);

  // "127.0.0.1:3000", "[::1]:3000".
  std::string ToString() const;

  int port() const;
  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }

  // OK if a server could listen here now. ALREADY_EXISTS when another does.
  absl::Status CheckFree() const;

 private:
  SocketAddress(const sockaddr* address, socklen_t size);

  sockaddr_storage storage_ = {};
  socklen_t size_;
};

}  // namespace chorus
