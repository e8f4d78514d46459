#include "api_server/front/request_body.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "api_server/transcoding/http_status.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

absl::Status TooLarge(size_t max_bytes) {
  return HttpError(413, absl::StrCat("the body must have at most ", max_bytes, " bytes"));
}

absl::Status Malformed(std::string_view what) {
  return HttpError(400, absl::StrCat("the chunked body is malformed: ",
                                     absl::string_view(what.data(), what.size())));
}

// Parses chunk extensions: *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), where
// BWS is any number of blanks (RFC 9112, 7.1.1); so none may be last.
class ExtensionParser {
 public:
  explicit ExtensionParser(std::string_view text) : rest_(text) {}

  bool Parse() {
    if (rest_.ends_with(' ') || rest_.ends_with('\t')) return false;
    while (!rest_.empty()) {
      if (!TakeAmongBlanks(';') || !TakeToken()) return false;
      if (TakeAmongBlanks('=') && !(Take('"') ? TakeQuotedRest() : TakeToken())) return false;
    }
    return true;
  }

 private:
  bool TakeAmongBlanks(char c) {
    SkipBlanks();
    if (!Take(c)) return false;
    SkipBlanks();
    return true;
  }

  bool Take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void SkipBlanks() {
    while (Take(' ') || Take('\t')) {
    }
  }

  bool TakeToken() {
    const size_t size = std::find_if_not(rest_.begin(), rest_.end(), IsTokenChar) - rest_.begin();
    rest_.remove_prefix(size);
    return size > 0;
  }

  // Up to the closing quote.
  bool TakeQuotedRest() {
    while (!Take('"')) {
      Take('\\');
      if (rest_.empty() || (rest_[0] != '\t' && absl::ascii_iscntrl(rest_[0]))) return false;
      rest_.remove_prefix(1);
    }
    return true;
  }

  std::string_view rest_;
};

}  // namespace

absl::StatusOr<RequestBody> RequestBody::Create(const RequestHead& head, size_t max_bytes) {
  const uint64_t length = head.content_length.value_or(0);
  if (length > max_bytes) return TooLarge(max_bytes);
  return RequestBody(head.chunked, length, max_bytes);
}

RequestBody::RequestBody(bool chunked, uint64_t num_remaining, size_t max_bytes)
    : chunked_(chunked),
      max_bytes_(max_bytes),
      state_(chunked             ? State::kSizeFirst
             : num_remaining > 0 ? State::kData
                                 : State::kDone),
      num_remaining_(num_remaining) {}

absl::StatusOr<size_t> RequestBody::Put(std::string_view received) {
  size_t num_taken = 0;
  while (num_taken < received.size() && !done()) {
    if (state_ == State::kData) {
      num_taken += TakeData(received.substr(num_taken));
      continue;
    }
    RETURN_IF_ERROR(TakeFraming(received[num_taken++]));
    if (++num_framing_ > kMaxFramingBytes + 16 * body_.size()) {
      return HttpError(400, "the chunked body is mostly framing");
    }
  }
  return num_taken;
}

size_t RequestBody::TakeData(std::string_view received) {
  const size_t num_bytes = std::min<uint64_t>(received.size(), num_remaining_);
  body_.append(received.substr(0, num_bytes));
  num_remaining_ -= num_bytes;
  if (num_remaining_ == 0) state_ = chunked_ ? State::kDataReturn : State::kDone;
  return num_bytes;
}

absl::Status RequestBody::TakeFraming(char c) {
  switch (state_) {
    case State::kDataReturn:
      if (c != '\r') return Malformed("a chunk is longer than its size");
      state_ = State::kDataFeed;
      return absl::OkStatus();
    case State::kDataFeed:
      if (c != '\n') return Malformed("a carriage return stands alone");
      state_ = State::kSizeFirst;
      return absl::OkStatus();
    case State::kSizeFirst:
      if (!absl::ascii_isxdigit(c)) return Malformed("a chunk's size must be hexadecimal digits");
      state_ = State::kSize;
      return TakeSizeDigit(c);
    case State::kSize:
      if (absl::ascii_isxdigit(c)) return TakeSizeDigit(c);
      if (c == '\r') {
        state_ = State::kSizeFeed;
        return absl::OkStatus();
      }
      if (c != ';' && c != ' ' && c != '\t') {
        return Malformed("a chunk's size must be hexadecimal digits");
      }
      state_ = State::kExtension;
      line_.push_back(c);
      return absl::OkStatus();
    case State::kExtension:
      if (c == '\r') return EndExtensions();
      if (c == '\n') return Malformed("a line feed stands alone");
      line_.push_back(c);
      return absl::OkStatus();
    case State::kSizeFeed:
      if (c != '\n') return Malformed("a carriage return stands alone");
      state_ = num_remaining_ > 0 ? State::kData : State::kTrailer;
      return absl::OkStatus();
    case State::kTrailer:
      if (c == '\r') {
        state_ = State::kTrailerFeed;
      } else {
        line_.push_back(c);
      }
      return absl::OkStatus();
    case State::kTrailerFeed:
      if (c != '\n') return Malformed("a carriage return stands alone");
      return EndTrailerLine();
    case State::kData:
    case State::kDone:
      break;
  }
  return absl::InternalError("not in a chunk's framing");
}

absl::Status RequestBody::TakeSizeDigit(char c) {
  const int digit = absl::ascii_isdigit(c) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10;
  num_remaining_ = num_remaining_ * 16 + digit;
  // Stops before the number can overflow.
  return body_.size() + num_remaining_ > max_bytes_ ? TooLarge(max_bytes_) : absl::OkStatus();
}

absl::Status RequestBody::EndExtensions() {
  if (!ExtensionParser(line_).Parse()) {
    return Malformed("a chunk's extensions must be ;name or ;name=value");
  }
  line_.clear();
  state_ = State::kSizeFeed;
  return absl::OkStatus();
}

absl::Status RequestBody::EndTrailerLine() {
  if (line_.empty()) {
    state_ = State::kDone;
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(ParseField(line_).status());
  line_.clear();
  state_ = State::kTrailer;
  return absl::OkStatus();
}

}  // namespace chorus::gateway
