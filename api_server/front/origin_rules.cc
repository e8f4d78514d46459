#include "api_server/front/origin_rules.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/host_port.h"
#include "base/quote.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

// Without the port, and an IPv6 address without its brackets.
std::string_view NameOf(std::string_view host) {
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    return end == std::string_view::npos ? host : host.substr(1, end - 1);
  }
  return host.substr(0, host.find(':'));
}

bool IsAllowed(std::string_view name, const std::vector<std::string>& allowed) {
  return std::ranges::any_of(allowed, [&](const std::string& one) {
    return one == "*" || absl::EqualsIgnoreCase(one, AbslView(name));
  });
}

// What is behind "https://"; empty if there is no scheme.
std::string_view HostOf(std::string_view origin) {
  const size_t scheme = origin.find("://");
  return scheme == std::string_view::npos ? std::string_view() : origin.substr(scheme + 3);
}

// The Origin of a page of another host; empty if there is none.
std::string_view ForeignOrigin(const HttpRequest& request) {
  const std::string_view origin = request.ValueOf("Origin");
  const bool is_own =
      absl::EqualsIgnoreCase(AbslView(HostOf(origin)), AbslView(request.ValueOf("Host")));
  return is_own ? std::string_view() : origin;
}

}  // namespace

absl::Status CheckOriginName(std::string_view origin) {
  const std::string_view host = HostOf(origin);
  const bool is_origin = (origin.starts_with("http://") || origin.starts_with("https://")) &&
                         !host.empty() && host.find_first_of("/?#@ ") == std::string_view::npos;
  if (origin == "*" || is_origin) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("must be an origin such as https://app.example.com, without a path, or *: ",
                   QuoteForMessage(origin)));
}

absl::Status CheckOrigin(const HttpRequest& request, const OriginRules& rules) {
  const std::string_view host = NameOf(request.ValueOf("Host"));
  if (rules.is_loopback && !host.empty() && !IsLoopback(host) && !IsAllowed(host, rules.hosts)) {
    return absl::PermissionDeniedError(
        absl::StrCat("this server is for its own machine, and not called ", QuoteForMessage(host),
                     "; --allow_host names what else it is called"));
  }
  const std::string_view origin = ForeignOrigin(request);
  if (origin.empty() || IsAllowed(origin, rules.origins)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("pages of ", QuoteForMessage(origin),
                   " may not call this server; --allow_origin names those that may"));
}

bool IsPreflight(const HttpRequest& request) {
  return request.method == "OPTIONS" && request.Find("Origin") != nullptr &&
         request.Find("Access-Control-Request-Method") != nullptr;
}

std::vector<HttpField> CorsFields(const HttpRequest& request, const OriginRules& rules) {
  const std::string origin(ForeignOrigin(request));
  if (origin.empty() || !IsAllowed(origin, rules.origins)) return {};
  std::vector<HttpField> fields = {{"Access-Control-Allow-Origin", origin}, {"Vary", "Origin"}};
  if (IsPreflight(request)) {
    fields.push_back({"Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS"});
    const std::string_view headers = request.ValueOf("Access-Control-Request-Headers");
    if (!headers.empty()) {
      fields.push_back({"Access-Control-Allow-Headers", std::string(headers)});
    }
    fields.push_back({"Access-Control-Max-Age", "600"});
  } else {
    fields.push_back({"Access-Control-Expose-Headers",
                      "X-Request-Id, X-Chorus-Finish-Reason, Server-Timing, Retry-After"});
  }
  return fields;
}

}  // namespace chorus::gateway
