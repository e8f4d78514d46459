#include "cli/bench/load/question.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace chorus::bench {
namespace {

struct Scheme {
  std::string_view prefix;
  const char* port;  // Where the text has none; null: it must have one.
  bool is_tls;
};

constexpr Scheme kSchemes[] = {{"http://", ":80", false},
                               {"https://", ":443", true},
                               {"grpcs://", ":443", true},
                               {"", nullptr, false}};

const Scheme& SchemeOf(std::string_view text) {
  return *std::ranges::find_if(
      kSchemes, [text](const Scheme& scheme) { return text.starts_with(scheme.prefix); });
}

}  // namespace

bool IsStreamed(const Question& question) {
  if (IsOpenAi(question.protocol)) {
    const auto it = question.parameters.find("stream");
    return it == question.parameters.end() || *it != nlohmann::ordered_json(false);
  }
  return question.protocol == Protocol::kSse || question.protocol == Protocol::kGrpcStream;
}

absl::StatusOr<ServerUrl> ServerUrl::Parse(const std::string& text) {
  if (!std::ranges::all_of(text, absl::ascii_isgraph)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", absl::CEscape(text), "\" must have no blanks or control characters"));
  }
  const Scheme& scheme = SchemeOf(text);
  ServerUrl url{.is_tls = scheme.is_tls};
  std::string authority = text.substr(scheme.prefix.size());
  if (const size_t slash = authority.find('/'); slash != std::string::npos) {
    url.path = authority.substr(slash);
    authority.resize(slash);
    while (url.path.ends_with('/')) url.path.pop_back();
  }
  const bool has_port = authority.rfind(':') != std::string::npos && !authority.ends_with(']');
  if (scheme.port != nullptr && !has_port) authority += scheme.port;
  ASSIGN_OR_RETURN(url.host_port, HostPort::Parse(authority));
  return url;
}

}  // namespace chorus::bench
