#include "cli/bench/load/question.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace chorus::bench {

absl::StatusOr<ServerUrl> ServerUrl::Parse(const std::string& text) {
  constexpr std::string_view kHttp = "http://";
  if (text.starts_with("https://")) {
    return absl::InvalidArgumentError(
        absl::StrCat("bench speaks HTTP without TLS, so that TLS is not what it measures: ", text));
  }
  std::string authority = text.starts_with(kHttp) ? text.substr(kHttp.size()) : text;
  ServerUrl url;
  if (const size_t slash = authority.find('/'); slash != std::string::npos) {
    url.path = authority.substr(slash);
    authority.resize(slash);
    while (url.path.ends_with('/')) url.path.pop_back();
  }
  const bool has_port = authority.rfind(':') != std::string::npos && !authority.ends_with(']');
  if (text.starts_with(kHttp) && !has_port) authority += ":80";
  ASSIGN_OR_RETURN(url.host_port, HostPort::Parse(authority));
  return url;
}

}  // namespace chorus::bench
