#pragma once

// URLs, as far as redirects need them. libcurl parses them, so that what is checked is what is
// fetched.
//
// Thread safety: free functions without state.

#include <string>

#include "absl/status/statusor.h"

namespace chorus::store {

struct HttpUrl {
  std::string text;    // Whole and absolute.
  std::string scheme;  // "http" or "https".
  std::string host;    // Lower case.
  std::string origin;  // "https://hub.example:443".
};

// INVALID_ARGUMENT unless it is an absolute http or https URL without user name or password.
absl::StatusOr<HttpUrl> ParseHttpUrl(const std::string& text);

// Resolves a Location header of a reply from `base`. Errors as ParseHttpUrl, and
// FAILED_PRECONDITION from https to http.
absl::StatusOr<HttpUrl> FollowRedirect(const HttpUrl& base, const std::string& location);

// The endpoint of a hub, without slashes at its end: as ParseHttpUrl, and no query or fragment.
absl::StatusOr<HttpUrl> ParseEndpoint(const std::string& text);

}  // namespace chorus::store
