#pragma once

// Assembles a request's body from the bytes received, by Content-Length or chunks.
//
// request_head.h decides the framing. Chunks (RFC 9112, section 7.1) are read as strictly as the
// head: CRLF only, also in extensions, and no white space around a size, since another parser might
// take data for a request. Extensions (section 7.1.1) and trailers are parsed and dropped.
//
// Errors: 413 past the limit, as early as possible; 400 for malformed chunks, or chunks that are
// mostly framing. After an error the connection must be closed.
//
// Thread safety: none; used by one thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api_server/front/request_head.h"

namespace chorus::gateway {

class RequestBody {
 public:
  // At most this much chunk framing, besides 16 bytes for each byte of body.
  static constexpr size_t kMaxFramingBytes = 16 << 10;

  // 413 if Content-Length is over `max_bytes`.
  static absl::StatusOr<RequestBody> Create(const RequestHead& head, size_t max_bytes);

  // Consumes the front of `received` and returns the number of bytes taken: all, unless the body is
  // then done() and the rest belongs to the next request.
  absl::StatusOr<size_t> Put(std::string_view received);

  bool done() const { return state_ == State::kDone; }

  // The body. Call once, when done().
  std::string Take() { return std::move(body_); }

 private:
  enum class State {
    kData,         // num_remaining_ bytes of data; without chunks, of the whole body.
    kDataReturn,   // CR after a chunk's data.
    kDataFeed,     // LF after it.
    kSizeFirst,    // First digit of a chunk's size.
    kSize,         // Others, or what ends them.
    kExtension,    // Between the size and CR, in line_.
    kSizeFeed,     // LF after the size line.
    kTrailer,      // A line of the trailer, in line_.
    kTrailerFeed,  // LF after it.
    kDone,
  };

  RequestBody(bool chunked, uint64_t num_remaining, size_t max_bytes);

  size_t TakeData(std::string_view received);
  absl::Status TakeFraming(char c);
  absl::Status TakeSizeDigit(char c);
  absl::Status EndExtensions();
  absl::Status EndTrailerLine();

  bool chunked_;
  size_t max_bytes_;
  State state_;
  uint64_t num_remaining_;  // Of the data, or the chunk's, that is being read.
  size_t num_framing_ = 0;
  std::string line_;
  std::string body_;
};

}  // namespace chorus::gateway
