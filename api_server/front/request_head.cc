#include "api_server/front/request_head.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api_server/transcoding/http_status.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

constexpr std::string_view kCrlf = "\r\n";

absl::Status BadRequest(std::string_view message) { return HttpError(400, message); }

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenChar);
}

// Visible characters, spaces, tabs, and bytes above ASCII.
bool IsFieldValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c == '\t' || (!absl::ascii_iscntrl(c)); });
}

// Characters allowed raw in a URI (RFC 3986): no space, no control, no non-ASCII, and no delimiters
// that browsers encode.
bool IsTargetChar(char c) {
  return absl::ascii_isgraph(c) && std::string_view("\"#<>\\^`{|}").find(c) == std::string::npos;
}

// The host of RFC 3986, section 3.2.2, not empty: an address in brackets, or a name.
bool IsHostName(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) {
    in6_addr address;
    return inet_pton(AF_INET6, std::string(text.substr(1, text.size() - 2)).c_str(), &address) == 1;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_escape = c == '%' && i + 2 < text.size() && absl::ascii_isxdigit(text[i + 1]) &&
                           absl::ascii_isxdigit(text[i + 2]);
    if (!is_escape && !absl::ascii_isalnum(c) &&
        std::string_view("-._~!$&'()*+,;=").find(c) == std::string::npos) {
      return false;
    }
  }
  return !text.empty();
}

// host [ ":" port ]; the port may be missing after its colon.
bool IsHost(std::string_view text) {
  const size_t colon = text.find(':', text.starts_with('[') ? text.find(']') : 0);
  if (colon != std::string_view::npos) {
    const std::string_view port = text.substr(colon + 1);
    uint32_t number = 0;
    if (!port.empty() && (!std::all_of(port.begin(), port.end(), absl::ascii_isdigit) ||
                          !absl::SimpleAtoi(AbslView(port), &number) || number > 65535)) {
      return false;
    }
  }
  return IsHostName(text.substr(0, colon));
}

std::string_view TrimSpaces(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Takes the first line off `text`.
std::string_view TakeLine(std::string_view& text) {
  const size_t end = text.find(kCrlf);
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + kCrlf.size());
  return line;
}

// Whether the comma-separated list of a field has the token, whatever its case.
bool HasListToken(const HttpRequest& request, std::string_view name, std::string_view token) {
  for (const HttpField& field : request.fields) {
    if (!absl::EqualsIgnoreCase(field.name, AbslView(name))) continue;
    for (absl::string_view item : absl::StrSplit(field.value, ',')) {
      if (absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(item), AbslView(token))) return true;
    }
  }
  return false;
}

// The only value of a field; null when there is none.
absl::StatusOr<const std::string*> FindSingle(const HttpRequest& request, std::string_view name) {
  const std::string* found = nullptr;
  for (const HttpField& field : request.fields) {
    if (!absl::EqualsIgnoreCase(field.name, AbslView(name))) continue;
    if (found != nullptr) return BadRequest(absl::StrCat("more than one ", AbslView(name)));
    found = &field.value;
  }
  return found;
}

// "http://host/path?query" to "/path?query"; Host has the rest.
absl::Status CutAbsoluteForm(std::string& target) {
  const size_t scheme_end = target.find("://");
  const std::string_view scheme = std::string_view(target).substr(0, scheme_end);
  if (!absl::EqualsIgnoreCase(AbslView(scheme), "http") &&
      !absl::EqualsIgnoreCase(AbslView(scheme), "https")) {
    return BadRequest("the request target must begin with a slash");
  }
  const size_t host = scheme_end + 3;
  const size_t path = target.find_first_of("/?", host);
  if (!IsHost(std::string_view(target).substr(host, path - host))) {
    return BadRequest("the request target must name its host as host or host:port");
  }
  const bool has_path = path != std::string::npos && target[path] == '/';
  target = absl::StrCat(has_path ? "" : "/", path == std::string::npos ? "" : target.substr(path));
  return absl::OkStatus();
}

absl::Status ParseRequestLine(std::string_view line, const HeadLimits& limits,
                              HttpRequest& request) {
  const size_t method_end = line.find(' ');
  const size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || method_end == target_end) {
    return BadRequest("the request line must be: method, space, target, space, version");
  }
  request.method = line.substr(0, method_end);
  request.target = line.substr(method_end + 1, target_end - method_end - 1);
  const std::string_view version = line.substr(target_end + 1);
  if (!IsToken(request.method)) return BadRequest("the method is not a token");
  if (request.target.size() > limits.max_target_bytes) {
    return HttpError(414, absl::StrCat("the request target must have at most ",
                                       limits.max_target_bytes, " bytes: ", request.target.size()));
  }
  if (request.target.empty() ||
      !std::all_of(request.target.begin(), request.target.end(), IsTargetChar)) {
    return BadRequest("the request target has a character that must be percent-encoded");
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    const bool is_version = version.size() == 8 && version.substr(0, 5) == "HTTP/" &&
                            absl::ascii_isdigit(version[5]) && version[6] == '.' &&
                            absl::ascii_isdigit(version[7]);
    if (is_version) return HttpError(505, "this server speaks HTTP/1.1");
    return BadRequest("the request line must end in HTTP/1.1");
  }
  request.minor_version = version.back() - '0';
  if (request.target[0] == '/') return absl::OkStatus();
  if (request.target == "*") {
    if (request.method == "OPTIONS") return absl::OkStatus();
    return BadRequest("the request target * is for OPTIONS only");
  }
  return CutAbsoluteForm(request.target);
}

// The framing of the body, which request smuggling attacks.
absl::Status FillFraming(RequestHead& head) {
  ASSIGN_OR_RETURN(const std::string* length, FindSingle(head.request, "Content-Length"));
  ASSIGN_OR_RETURN(const std::string* coding, FindSingle(head.request, "Transfer-Encoding"));
  if (length != nullptr && coding != nullptr) {
    return BadRequest("Content-Length and Transfer-Encoding exclude each other");
  }
  if (coding != nullptr) {
    if (!absl::EqualsIgnoreCase(*coding, "chunked")) {
      return BadRequest("Transfer-Encoding must be chunked");
    }
    if (head.request.minor_version == 0) return BadRequest("HTTP/1.0 has no Transfer-Encoding");
    head.chunked = true;
  }
  if (length != nullptr) {
    if (length->empty() || !std::all_of(length->begin(), length->end(), absl::ascii_isdigit)) {
      return BadRequest("Content-Length must be digits");
    }
    uint64_t value = 0;
    if (!absl::SimpleAtoi(*length, &value)) value = UINT64_MAX;  // Too large for any limit.
    head.content_length = value;
  }
  return absl::OkStatus();
}

absl::Status CheckHost(const HttpRequest& request) {
  ASSIGN_OR_RETURN(const std::string* host, FindSingle(request, "Host"));
  if (host == nullptr) {
    if (request.minor_version == 0) return absl::OkStatus();
    return BadRequest("the Host header is missing");
  }
  return IsHost(*host) ? absl::OkStatus()
                       : BadRequest("Host must be host or host:port, with a port up to 65535");
}

absl::Status FillExpectation(RequestHead& head) {
  ASSIGN_OR_RETURN(const std::string* expect, FindSingle(head.request, "Expect"));
  if (expect == nullptr || head.request.minor_version == 0) return absl::OkStatus();
  if (!absl::EqualsIgnoreCase(*expect, "100-continue")) {
    return HttpError(417, "Expect must be 100-continue");
  }
  head.expects_continue = true;
  return absl::OkStatus();
}

}  // namespace

bool IsTokenChar(char c) {
  return absl::ascii_isalnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string::npos;
}

absl::StatusOr<size_t> HeadScanner::Scan(std::string_view received) {
  for (; next_ < received.size(); ++next_) {
    if (next_ == limits_.max_bytes) {
      if (in_first_line_) {
        return HttpError(414, absl::StrCat("the request target must have at most ",
                                           limits_.max_target_bytes, " bytes"));
      }
      return HttpError(431, absl::StrCat("request line and header block must have at most ",
                                         limits_.max_bytes, " bytes"));
    }
    const bool after_return = next_ > 0 && received[next_ - 1] == '\r';
    if (after_return != (received[next_] == '\n')) {
      return BadRequest("lines must end in CRLF: a carriage return or line feed stands alone");
    }
    if (!after_return) continue;
    const bool is_empty_line = next_ - line_start_ == 1;
    line_start_ = next_ + 1;
    if (is_empty_line && (!in_first_line_ || next_ > 1)) return ++next_;
    if (!is_empty_line) in_first_line_ = false;
  }
  return 0;
}

absl::StatusOr<HttpField> ParseField(std::string_view line) {
  if (line[0] == ' ' || line[0] == '\t') {
    return BadRequest("a header line must not begin with white space (folding is obsolete)");
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return BadRequest("a header line has no colon");
  const std::string_view name = line.substr(0, colon);
  if (!IsToken(name)) return BadRequest("a header name is not a token");
  const std::string_view value = TrimSpaces(line.substr(colon + 1));
  if (!IsFieldValue(value)) {
    return BadRequest(absl::StrCat("the value of ", AbslView(name), " has a control character"));
  }
  return HttpField{std::string(name), std::string(value)};
}

absl::StatusOr<RequestHead> ParseRequestHead(std::string_view head, const HeadLimits& limits) {
  RequestHead result;
  if (head.substr(0, kCrlf.size()) == kCrlf) head.remove_prefix(kCrlf.size());
  RETURN_IF_ERROR(ParseRequestLine(TakeLine(head), limits, result.request));
  while (true) {
    const std::string_view line = TakeLine(head);
    if (line.empty()) break;
    if (result.request.fields.size() == limits.max_fields) {
      return HttpError(431, absl::StrCat("at most ", limits.max_fields, " header fields"));
    }
    ASSIGN_OR_RETURN(HttpField field, ParseField(line));
    result.request.fields.push_back(std::move(field));
  }
  RETURN_IF_ERROR(FillFraming(result));
  RETURN_IF_ERROR(CheckHost(result.request));
  RETURN_IF_ERROR(FillExpectation(result));
  result.keep_alive = !HasListToken(result.request, "Connection", "close") &&
                      (result.request.minor_version == 1 ||
                       HasListToken(result.request, "Connection", "keep-alive"));
  return result;
}

}  // namespace chorus::gateway
