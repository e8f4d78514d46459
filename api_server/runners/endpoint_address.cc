#include "api_server/runners/endpoint_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus {
namespace {

struct HostPort {
  std::string host;  // Without brackets.
  std::string port;
};

// `endpoint` is of the first form.
HostPort Split(const std::string& endpoint) {
  const size_t colon = endpoint.rfind(':');
  std::string host = endpoint.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return {std::move(host), endpoint.substr(colon + 1)};
}

bool IsAddress(const std::string& host) {
  in6_addr address;  // Room for either.
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

absl::Status CheckEndpointAddress(const std::string& endpoint) {
  const std::string_view text = endpoint;
  if (text.starts_with("unix:/")) return absl::OkStatus();
  const size_t colon = text.rfind(':');
  int port = 0;
  if (colon == text.npos || colon == 0 || text.find('/') != text.npos ||
      !absl::SimpleAtoi(AbslView(text.substr(colon + 1)), &port) || port < 1 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("endpoint must be host:port, with a port from 1 to 65535, or unix:/path: \"",
                     endpoint, "\""));
  }
  return absl::OkStatus();
}

bool HasHostName(const std::string& endpoint) {
  return !endpoint.starts_with("unix:") && !IsAddress(Split(endpoint).host);
}

absl::StatusOr<std::vector<std::string>> ResolveEndpoint(const std::string& endpoint) {
  const HostPort target = Split(endpoint);
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
    if (info->ai_family == AF_INET) v4.push_back(absl::StrCat(text, ":", target.port));
    if (info->ai_family == AF_INET6) v6.push_back(absl::StrCat("[", text, "]:", target.port));
  }
  std::vector<std::string>& addresses = v4.empty() ? v6 : v4;
  if (addresses.empty()) {
    return absl::UnavailableError(absl::StrCat(target.host, " has no address"));
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return std::move(addresses);
}

}  // namespace chorus
