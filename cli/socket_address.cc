#include "cli/socket_address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus {
namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

// Null when the host has no address.
AddressList LookUp(const std::string& host, int port, int flags) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  return AddressList(error == 0 ? found : nullptr, &::freeaddrinfo);
}

}  // namespace

SocketAddress::SocketAddress(const sockaddr* address, socklen_t size) : size_(size) {
  std::memcpy(&storage_, address, size);
}

absl::StatusOr<SocketAddress> SocketAddress::Resolve(const std::string& host, int port) {
  const AddressList list = LookUp(host, port, 0);
  if (host.empty() || list == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("no such host: \"", absl::CEscape(host),
                                                   "\"; 127.0.0.1 is this machine alone, "
                                                   "0.0.0.0 all its addresses"));
  }
  return SocketAddress(list->ai_addr, list->ai_addrlen);
}

absl::StatusOr<SocketAddress> SocketAddress::Parse(std::string_view host_port) {
  const size_t colon = host_port.rfind(':');
  int port = -1;
  if (colon != std::string_view::npos &&
      absl::SimpleAtoi(AbslView(host_port.substr(colon + 1)), &port) && port >= 0 &&
      port <= 65535) {
    std::string host(host_port.substr(0, colon));
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const AddressList list = LookUp(host, port, AI_NUMERICHOST);
    if (!host.empty() && list != nullptr) return SocketAddress(list->ai_addr, list->ai_addrlen);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("not an address and port: \"", absl::CEscape(AbslView(host_port)), "\""));
}

std::string SocketAddress::ToString() const {
  char host[NI_MAXHOST];
  if (::getnameinfo(data(), size_, host, sizeof(host), nullptr, 0, NI_NUMERICHOST) != 0) return "?";
  const bool is_ipv6 = storage_.ss_family == AF_INET6;
  return absl::StrCat(is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", ":", port());
}

int SocketAddress::port() const {
  // The port lies at the same place in both families.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
}

absl::Status SocketAddress::CheckFree() const {
  const int fd = ::socket(storage_.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot make a socket");
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const bool free = ::bind(fd, data(), size_) == 0 && ::listen(fd, 1) == 0;
  const int error = errno;
  ::close(fd);
  if (free) return absl::OkStatus();
  if (error == EADDRINUSE) {
    return absl::AlreadyExistsError(absl::StrCat("another program listens on ", ToString()));
  }
  return absl::ErrnoToStatus(error, absl::StrCat("cannot listen on ", ToString()));
}

}  // namespace chorus
