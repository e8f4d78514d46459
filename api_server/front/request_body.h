#pragma once

// Puts a request's body together from the bytes that arrive, by Content-Length or chunks.
//
// How long the body is was decided by request_head.h alone. Chunks (RFC 9112, section 7.1) are read
// as strictly as the head: CRLF only, also within extensions, and no white space about a size; what
// one parser takes for data another could take for a request. Extensions (section 7.1.1) and
// trailers are parsed and dropped.
//
// Errors: 413 past the limit, as soon as it is known; 400 for bytes that are no chunks, or for
// chunks that are mostly framing. After an error the connection must be closed.
//
// Thread safety: none; used by one thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api_server/front/request_head.h"

namespace chorus {

class RequestBody {
 public:
  // At most this much chunk framing, besides 16 bytes for each byte of body.
  static constexpr size_t kMaxFramingBytes = 16 << 10;

  // 413 when the head already says that the body is over `max_bytes`.
  static absl::StatusOr<RequestBody> Create(const RequestHead& head, size_t max_bytes);

  // Takes from the front of `received` what belongs to the body, and returns how many bytes that
  // were: all, unless the body is then done(), when the others are the next request's.
  absl::StatusOr<size_t> Put(std::string_view received);

  bool done() const { return state_ == State::kDone; }

  // The body. Once, when done().
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

}  // namespace chorus
