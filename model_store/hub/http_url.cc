#include "model_store/hub/http_url.h"

#include <curl/curl.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace chorus::store {
namespace {

using Url = std::unique_ptr<CURLU, decltype([](CURLU* url) { curl_url_cleanup(url); })>;

// Empty when the part is not there.
std::string Part(CURLU* url, CURLUPart part, unsigned int flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  const std::string copy = text;
  curl_free(text);
  return copy;
}

// Shown without what may be a secret in it.
std::string Quote(const std::string& text) {
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, text.find_first_of("?#"))), "\"");
}

absl::StatusOr<HttpUrl> Describe(CURLU* url, const std::string& text) {
  HttpUrl parts{.text = Part(url, CURLUPART_URL), .scheme = Part(url, CURLUPART_SCHEME)};
  if (parts.scheme != "http" && parts.scheme != "https") {
    return absl::InvalidArgumentError("must be an http or https URL: " + Quote(text));
  }
  if (!Part(url, CURLUPART_USER).empty() || !Part(url, CURLUPART_PASSWORD).empty()) {
    return absl::InvalidArgumentError("a URL must hold no user's name or password");
  }
  parts.host = absl::AsciiStrToLower(Part(url, CURLUPART_HOST));
  parts.origin = absl::StrCat(parts.scheme, "://", parts.host, ":",
                              Part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT));
  return parts;
}

}  // namespace

absl::StatusOr<HttpUrl> ParseHttpUrl(const std::string& text) {
  const Url url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return absl::InvalidArgumentError("not a URL: " + Quote(text));
  }
  return Describe(url.get(), text);
}

absl::StatusOr<HttpUrl> FollowRedirect(const HttpUrl& base, const std::string& location) {
  const Url url(curl_url());
  if (location.empty() ||
      curl_url_set(url.get(), CURLUPART_URL, base.text.c_str(), 0) != CURLUE_OK ||
      curl_url_set(url.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK) {
    return absl::InvalidArgumentError(
        absl::StrCat(base.host, " redirects to what is no URL: ", Quote(location)));
  }
  ASSIGN_OR_RETURN(HttpUrl target, Describe(url.get(), location));
  if (base.scheme == "https" && target.scheme != "https") {
    return absl::FailedPreconditionError(absl::StrCat(
        base.host, " redirects from https to http at ", target.host, ", which is not followed"));
  }
  return target;
}

absl::StatusOr<HttpUrl> ParseEndpoint(const std::string& text) {
  if (text.find_first_of("?#") != std::string::npos) {
    return absl::InvalidArgumentError("a hub's URL must hold no query or fragment: " + Quote(text));
  }
  ASSIGN_OR_RETURN(HttpUrl url, ParseHttpUrl(text));
  while (url.text.ends_with('/')) url.text.pop_back();
  return url;
}

}  // namespace chorus::store
