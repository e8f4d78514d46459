#pragma once

// Which web pages a browser may let call this server. A browser sends any page's request: whether
// the page may, is for the server to say.
//
// On loopback the Host must be this machine's, or a page whose name resolves to it would be of the
// same origin. An Origin other than the Host's must be allowed; then the page may read the replies
// (CORS: WHATWG Fetch, section 3.2).
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "api_server/front/http_message.h"

namespace chorus::gateway {

struct OriginRules {
  bool is_loopback = false;          // What the server listens on.
  std::vector<std::string> hosts;    // Further names it goes by there; "*": any.
  std::vector<std::string> origins;  // "https://app.example.com"; "*": all.
};

// INVALID_ARGUMENT unless `origin` is "*", or scheme, host and perhaps port: what browsers send.
absl::Status CheckOriginName(std::string_view origin);

// PERMISSION_DENIED if the request is not to be answered.
absl::Status CheckOrigin(const HttpRequest& request, const OriginRules& rules);

// Whether a browser asks what a page may do, before it sends that; it then sends no key.
bool IsPreflight(const HttpRequest& request);

// The fields that let the page read the reply, and what it may send; none if it comes from no other
// origin that is allowed.
std::vector<HttpField> CorsFields(const HttpRequest& request, const OriginRules& rules);

}  // namespace chorus::gateway
