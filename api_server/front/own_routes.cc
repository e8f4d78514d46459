#include "api_server/front/own_routes.h"

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace chorus {
namespace {

constexpr char kContentSecurityPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// FNV-1a (Fowler, Noll and Vo): the same in every process of the same build.
uint64_t Fingerprint(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const unsigned char byte : text) hash = (hash ^ byte) * 0x100000001B3;
  return hash;
}

// RFC 9110, section 13.1.2: a weak comparison with each of the list.
bool Matches(const std::string* if_none_match, const std::string& etag) {
  if (if_none_match == nullptr) return false;
  for (absl::string_view tag : absl::StrSplit(*if_none_match, ',')) {
    tag = absl::StripAsciiWhitespace(tag);
    absl::ConsumePrefix(&tag, "W/");
    if (tag == "*" || tag == etag) return true;
  }
  return false;
}

}  // namespace

OwnReply StaticReply(std::string content_type, std::string body) {
  std::string etag = absl::StrCat("\"", absl::Hex(Fingerprint(body), absl::kZeroPad16), "\"");
  return [content_type = std::move(content_type), body = std::move(body),
          etag = std::move(etag)](const HttpRequest& request) -> HttpReply {
    std::vector<HttpField> fields = {{"ETag", etag},
                                     {"Cache-Control", "no-cache"},
                                     {"Content-Security-Policy", kContentSecurityPolicy},
                                     {"X-Content-Type-Options", "nosniff"},
                                     {"Referrer-Policy", "no-referrer"}};
    if (Matches(request.Find("If-None-Match"), etag)) {
      return {.status = 304, .fields = std::move(fields)};
    }
    return {.content_type = content_type, .fields = std::move(fields), .body = body};
  };
}

}  // namespace chorus
