#pragma once

// Parses the head of an HTTP/1.1 request (request line and header block) by RFC 9112, and more
// strictly where lenience enables request smuggling: lines end in CRLF only; no folding; no space
// around field names; one Content-Length of digits, or `Transfer-Encoding: chunked`, never both;
// exactly one Host, which names a host.
//
// Errors carry their HTTP code (transcoding/http_status.h). After an error the connection must be
// closed, since the start of the next request is unknown.
//
// Thread safety: pure; HeadScanner is used by one thread.
//
// Example:
//   HeadScanner scanner(limits);
//   while (true) {
//     ASSIGN_OR_RETURN(size_t num_bytes, scanner.Scan(received));
//     if (num_bytes > 0) return ParseRequestHead(received.substr(0, num_bytes), limits);
//     ... receive more ...
//   }

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "api_server/front/http_message.h"

namespace chorus::gateway {

struct HeadLimits {
  size_t max_bytes = 16 << 10;        // Request line and header block; 431.
  size_t max_fields = 100;            // 431.
  size_t max_target_bytes = 8 << 10;  // 414.
};

// Finds the end of a head incrementally; looks at each byte once.
class HeadScanner {
 public:
  explicit HeadScanner(const HeadLimits& limits) : limits_(limits) {}

  // `received` holds all bytes since the head began, those of earlier calls included. Returns the
  // head's size with its empty line, or 0 if more is needed. 400 for a bare CR or LF; 431, or 414
  // within the request line, for a head that is too long.
  absl::StatusOr<size_t> Scan(std::string_view received);

  // Whether Scan has seen any byte.
  bool started() const { return next_ > 0; }

 private:
  HeadLimits limits_;
  size_t next_ = 0;            // First byte not looked at yet.
  size_t line_start_ = 0;      // Of the line that next_ is in.
  bool in_first_line_ = true;  // Only empty lines are complete.
};

struct RequestHead {
  HttpRequest request;  // Without body. An absolute target is reduced to its path.
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;         // What the client asks for.
  bool expects_continue = false;  // The client waits for "100 Continue".

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

// `head` is a complete head from HeadScanner; one leading empty line is skipped. 400 for syntax;
// 414 and 431 for the limits; 417 for an unknown expectation; 505 for HTTP/2 and 0.9.
absl::StatusOr<RequestHead> ParseRequestHead(std::string_view head, const HeadLimits& limits);

// Whether `c` may be in a token (RFC 9110, section 5.6.2).
bool IsTokenChar(char c);

// One line of a header block or trailer, without its CRLF and not empty: "Name: value".
absl::StatusOr<HttpField> ParseField(std::string_view line);

}  // namespace chorus::gateway
