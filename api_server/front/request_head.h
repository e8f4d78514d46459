#pragma once

// The head of an HTTP/1.1 request (request line and header block) as RFC 9112 has it, and stricter
// where lenience lets one parser see another request than the next one does (request smuggling):
// lines end in CRLF only; no folding; no space around field names; one Content-Length of digits,
// or `Transfer-Encoding: chunked`, never both; exactly one Host, which names a host.
//
// Errors carry their HTTP code (transcoding/http_status.h). After any of them the connection must
// be closed, for where the next request begins is not known.
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

namespace chorus {

struct HeadLimits {
  size_t max_bytes = 16 << 10;        // Request line and header block; 431.
  size_t max_fields = 100;            // 431.
  size_t max_target_bytes = 8 << 10;  // 414.
};

// Finds where a head ends, byte by byte and each byte once, however slowly it arrives.
class HeadScanner {
 public:
  explicit HeadScanner(const HeadLimits& limits) : limits_(limits) {}

  // `received` is all that has arrived since the head began: what earlier calls saw, and more.
  // Returns the number of bytes of the head, its empty line included; or 0 when more is needed.
  // 400 for a line feed or carriage return alone; 431 or, still in the request line, 414 when the
  // head is too long.
  absl::StatusOr<size_t> Scan(std::string_view received);

  // Whether Scan has seen any byte.
  bool started() const { return next_ > 0; }

 private:
  HeadLimits limits_;
  size_t next_ = 0;            // First byte not looked at yet.
  size_t line_start_ = 0;      // Of the line that next_ is in.
  bool in_first_line_ = true;  // Nothing but empty lines is complete.
};

struct RequestHead {
  HttpRequest request;  // Without body. A target in absolute form has been cut to its path.
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;         // As the client wishes.
  bool expects_continue = false;  // It waits for "100 Continue" before it sends the body.

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

// `head` is a whole head as HeadScanner delimits it; one empty line before it is skipped. 400 says
// what is wrong; 414 and 431 for the limits; 417 for another expectation; 505 for HTTP/2 and 0.9.
absl::StatusOr<RequestHead> ParseRequestHead(std::string_view head, const HeadLimits& limits);

// Whether `c` may be in a token (RFC 9110, section 5.6.2).
bool IsTokenChar(char c);

// One line of a header block or trailer, without its CRLF and not empty: "Name: value".
absl::StatusOr<HttpField> ParseField(std::string_view line);

}  // namespace chorus
