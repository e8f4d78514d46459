#include "base/socket_address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus {
namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

// Null when the host has no address.
AddressList LookUp(const HostPort& host_port, int flags) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int error =
      ::getaddrinfo(host_port.host.c_str(), std::to_string(host_port.port).c_str(), &hints, &found);
  return AddressList(error == 0 ? found : nullptr, &::freeaddrinfo);
}

}  // namespace

SocketAddress::SocketAddress(const sockaddr* address, socklen_t size) : size_(size) {
  std::memcpy(&storage_, address, size);
}

absl::StatusOr<SocketAddress> SocketAddress::Parse(std::string_view text) {
  ASSIGN_OR_RETURN(const HostPort host_port, HostPort::Parse(text));
  const AddressList list = LookUp(host_port, AI_NUMERICHOST);
  if (list != nullptr) return SocketAddress(list->ai_addr, list->ai_addrlen);
  return absl::InvalidArgumentError(
      absl::StrCat("not an address and port: \"", absl::CEscape(AbslView(text)), "\""));
}

SocketAddress SocketAddress::OfSocket(int fd) {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(storage);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  return SocketAddress(reinterpret_cast<const sockaddr*>(&storage), size);
}

absl::StatusOr<std::vector<SocketAddress>> SocketAddress::Resolve(const HostPort& host_port) {
  const AddressList list = LookUp(host_port, 0);
  if (host_port.host.empty() || list == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("no such host: \"",
                                                   absl::CEscape(host_port.host),
                                                   "\"; 127.0.0.1 is this machine alone, "
                                                   "0.0.0.0 all its IPv4 addresses"));
  }
  std::vector<SocketAddress> addresses;
  for (const addrinfo* info = list.get(); info != nullptr; info = info->ai_next) {
    const SocketAddress address(info->ai_addr, info->ai_addrlen);
    const std::string text = address.ToString();
    if (std::none_of(addresses.begin(), addresses.end(),
                     [&](const SocketAddress& other) { return other.ToString() == text; })) {
      addresses.push_back(address);
    }
  }
  return addresses;
}

absl::StatusOr<std::vector<SocketAddress>> SocketAddress::ResolveToListen(
    const HostPort& host_port) {
  ASSIGN_OR_RETURN(const std::vector<SocketAddress> all, Resolve(host_port));
  std::vector<SocketAddress> free;
  absl::Status not_ours;
  for (const SocketAddress& address : all) {
    const absl::Status status = address.CheckFree();
    if (status.ok()) {
      free.push_back(address);
    } else if (absl::IsNotFound(status)) {
      not_ours.Update(status);
    } else {
      return status;
    }
  }
  if (free.empty()) return not_ours;
  return free;
}

std::string SocketAddress::ToString() const {
  char host[NI_MAXHOST];
  if (::getnameinfo(data(), size_, host, sizeof(host), nullptr, 0, NI_NUMERICHOST) != 0) return "?";
  return absl::StrCat(is_ipv6() ? "[" : "", host, is_ipv6() ? "]" : "", ":", port());
}

// The port lies at the same place in both families.
int SocketAddress::port() const {
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
}

void SocketAddress::set_port(int port) {
  reinterpret_cast<sockaddr_in*>(&storage_)->sin_port = htons(static_cast<uint16_t>(port));
}

absl::Status SocketAddress::CheckFree() const {
  ASSIGN_OR_RETURN(const int fd, Listen());
  ::close(fd);
  return absl::OkStatus();
}

absl::Status SocketAddress::ListenError(int error) const {
  switch (error) {
    case EADDRINUSE:
      return absl::AlreadyExistsError(absl::StrCat("another program listens on ", ToString()));
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return absl::NotFoundError(
          absl::StrCat("cannot listen on ", ToString(),
                       ", which is not an address of this machine: 127.0.0.1 is this machine "
                       "alone, 0.0.0.0 all its IPv4 addresses"));
    default:
      return absl::ErrnoToStatus(error, absl::StrCat("cannot listen on ", ToString()));
  }
}

absl::StatusOr<int> SocketAddress::Listen(bool only_ipv6) const {
  const int fd = ::socket(storage_.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return ListenError(errno);
  const int on = 1, v6only = only_ipv6 ? 1 : 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (is_ipv6()) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
  if (::bind(fd, data(), size_) == 0 && ::listen(fd, SOMAXCONN) == 0) return fd;
  const int error = errno;
  ::close(fd);
  return ListenError(error);
}

}  // namespace chorus
