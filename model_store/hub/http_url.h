#pragma once

// URLs, as far as redirects need them; parsed by libcurl, so that what is checked is what is used.
//
// Thread safety: free functions without state.

#include <string>

#include "absl/status/statusor.h"

namespace chorus {

struct HttpUrl {
  std::string text;    // Whole and absolute.
  std::string scheme;  // "http" or "https".
  std::string host;    // Lower case.
  std::string origin;  // "https://hub.example:443".
};

// INVALID_ARGUMENT unless it is an absolute http or https URL without a user's name or password.
absl::StatusOr<HttpUrl> ParseHttpUrl(const std::string& text);

// What a Location header means in a reply from `base`. Errors likewise, and FAILED_PRECONDITION
// when it leads from https to http.
absl::StatusOr<HttpUrl> FollowRedirect(const HttpUrl& base, const std::string& location);

// The endpoint of a hub, without slashes at its end: as ParseHttpUrl, and no query or fragment.
absl::StatusOr<HttpUrl> ParseEndpoint(const std::string& text);

}  // namespace chorus
