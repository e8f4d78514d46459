#include "api_server/front/page_handler.h"

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "api_server/front/public_error.h"
#include "api_server/transcoding/http_status.h"

namespace chorus::gateway {
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

void PageHandler::AddFile(std::string path, std::string content_type, std::string body) {
  std::string etag = absl::StrCat("\"", absl::Hex(Fingerprint(body), absl::kZeroPad16), "\"");
  Add(std::move(path), [content_type = std::move(content_type), body = std::move(body),
                        etag = std::move(etag)](const HttpRequest& request, HttpRoute::Done done) {
    HttpReply reply = {.fields = {{"ETag", etag},
                                  {"Cache-Control", "no-cache"},
                                  {"Content-Security-Policy", kContentSecurityPolicy},
                                  {"X-Content-Type-Options", "nosniff"},
                                  {"Referrer-Policy", "no-referrer"}}};
    if (Matches(request.Find("If-None-Match"), etag)) {
      reply.status = 304;
    } else {
      reply.content_type = content_type;
      reply.body = body;
    }
    std::move(done)(std::move(reply));
  });
}

HttpRoute PageHandler::Match(const HttpRequest& head) const {
  const auto found = pages_.find(head.path());
  if (found == pages_.end()) return {.refusal = absl::NotFoundError("there is no such page")};
  HttpRoute route = {.endpoint = found->first, .is_call = false};
  if (head.method == "GET" || head.method == "HEAD") {
    route.handle = [&page = found->second](const HttpRequest& request, const Call&,
                                           HttpRoute::Done done) {
      page(request, std::move(done));
      return absl::OkStatus();
    };
  } else {
    route.refusal =
        MethodNotAllowedError(absl::StrCat(head.target, " takes GET and HEAD"), {"GET", "HEAD"});
  }
  return route;
}

HttpReply PageHandler::ErrorReply(const absl::Status& error, std::string_view request_id) const {
  return ToErrorReply(error, request_id);
}

}  // namespace chorus::gateway
