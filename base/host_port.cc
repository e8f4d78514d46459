#include "base/host_port.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/names.h"
#include "base/string_view.h"

namespace chorus {
namespace {

// Perhaps with a zone: "fe80::1%eth0".
bool IsIpv6(std::string_view host) {
  in6_addr address;
  return inet_pton(AF_INET6, std::string(host.substr(0, host.find('%'))).c_str(), &address) == 1;
}

template <typename... Parts>
absl::Status Error(std::string_view text, const Parts&... parts) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CEscape(AbslView(text)), "\" ", parts...));
}

}  // namespace

absl::StatusOr<HostPort> HostPort::Parse(std::string_view text) {
  const size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == std::string_view::npos ||
      (bracket == 0 && std::count(text.begin(), text.end(), ':') > 1)) {
    return Error(text, "must be HOST:PORT, an IPv6 address in brackets: [::1]:3000");
  }
  const size_t colon = text.find(':', bracket);
  std::string_view host = text.substr(0, colon);
  if (host.empty()) {
    return Error(text,
                 "has no host: 127.0.0.1 is this machine alone, 0.0.0.0 all its IPv4 addresses, "
                 "[::] those and its IPv6 addresses");
  }
  const bool in_brackets = bracket > 0;
  if (in_brackets) host = text.substr(1, bracket - 1);
  const bool is_host =
      in_brackets ? IsIpv6(host) && (colon == std::string_view::npos || colon == bracket + 1)
                  : HasNameCharacters(host);
  if (!is_host) {
    return Error(text, "must be HOST:PORT, such as 127.0.0.1:3000, [::1]:3000 or localhost:3000");
  }
  if (colon == std::string_view::npos || colon + 1 == text.size()) {
    return Error(text, "has no port: write HOST:PORT, such as ", AbslView(text.substr(0, colon)),
                 ":3000");
  }
  const std::string_view digits = text.substr(colon + 1);
  HostPort result = {.host = std::string(host)};
  if (!std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(AbslView(digits), &result.port) || result.port > 65535) {
    return Error(text, "must have a port from 0 to 65535");
  }
  return result;
}

absl::Status HostPort::Check(std::string_view what, std::string_view text) {
  const absl::Status status = Parse(text).status();
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat(AbslView(what), ": ", status.message()));
}

bool HostPort::has_address() const {
  in_addr address;
  return IsIpv6(host) || inet_pton(AF_INET, host.c_str(), &address) == 1;
}

std::string HostPort::ToString() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return absl::StrCat(is_ipv6 ? "[" : "", host, is_ipv6 ? "]:" : ":", port);
}

bool IsLoopback(std::string_view host) {
  if (host == "::1") return true;
  const std::string name = absl::AsciiStrToLower(AbslView(host));
  if (name == "localhost" || name.ends_with(".localhost")) return true;
  return name.starts_with("127.") && name.find_first_not_of("0123456789.") == std::string::npos;
}

std::string WithPort(std::string_view address, int port) {
  const size_t colon = address.rfind(':');
  if (address.starts_with("unix:") || colon == std::string_view::npos) return std::string(address);
  return absl::StrCat(AbslView(address.substr(0, colon)), ":", port);
}

}  // namespace chorus
