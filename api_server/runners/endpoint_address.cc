#include "api_server/runners/endpoint_address.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/host_port.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

void SortUnique(std::vector<std::string>& texts) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
}

}  // namespace

absl::Status CheckEndpointAddress(const std::string& endpoint) {
  if (endpoint.starts_with("unix:/")) return absl::OkStatus();
  const absl::StatusOr<HostPort> host_port = HostPort::Parse(endpoint);
  if (host_port.ok() && host_port->port > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("endpoint must be host:port, with a port from 1 to 65535, or unix:/path: \"",
                   absl::CEscape(endpoint), "\""));
}

bool HasHostName(const std::string& endpoint) {
  const absl::StatusOr<HostPort> host_port = HostPort::Parse(endpoint);
  return host_port.ok() && !host_port->has_address();
}

absl::StatusOr<std::vector<std::string>> ResolveEndpoint(const std::string& endpoint) {
  ASSIGN_OR_RETURN(const HostPort target, HostPort::Parse(endpoint));
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(target.host.c_str(), nullptr, &hints, &found); error != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot resolve ", target.host, ": ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  std::vector<std::string> v4, v6;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof text, nullptr, 0,
                    NI_NUMERICHOST) != 0) {
      continue;
    }
    std::vector<std::string>& family = info->ai_family == AF_INET6 ? v6 : v4;
    family.push_back(HostPort{text, target.port}.ToString());
  }
  if (v4.empty() && v6.empty()) {
    return absl::UnavailableError(absl::StrCat(target.host, " has no address"));
  }
  return ReplicasOf(endpoint, std::move(v4), std::move(v6));
}

std::vector<std::string> ReplicasOf(const std::string& endpoint, std::vector<std::string> v4,
                                    std::vector<std::string> v6) {
  SortUnique(v4);
  SortUnique(v6);
  if (v4.size() == 1 && v6.size() == 1) return {endpoint};
  return v4.empty() ? v6 : v4;
}

}  // namespace chorus::gateway
