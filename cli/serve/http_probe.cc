#include "cli/serve/http_probe.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus {
namespace {

constexpr std::string_view kStatusLineStart = "HTTP/1.1 ";
constexpr size_t kStatusLineBytes = kStatusLineStart.size() + 3;
constexpr size_t kMaxReplyBytes = 16 << 20;

}  // namespace

absl::StatusOr<HttpProbe> HttpProbe::Start(const SocketAddress& address, const std::string& path,
                                           bool wants_body) {
  const int fd = ::socket(address.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot make a socket");
  if (::connect(fd, address.data(), address.size()) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    ::close(fd);
    return absl::ErrnoToStatus(error, "cannot connect to " + address.ToString());
  }
  return HttpProbe(fd,
                   absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: ", address.ToString(),
                                "\r\nConnection: close\r\n\r\n"),
                   wants_body);
}

HttpProbe::HttpProbe(HttpProbe&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      unsent_(std::move(other.unsent_)),
      wants_body_(other.wants_body_),
      received_(std::move(other.received_)) {}

HttpProbe::~HttpProbe() {
  if (fd_ >= 0) ::close(fd_);
}

int16_t HttpProbe::events() const { return unsent_.empty() ? POLLIN : POLLOUT; }

std::optional<int> HttpProbe::OnEvent() {
  char buffer[16 << 10];
  ssize_t n;
  if (!unsent_.empty()) {
    n = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (n > 0) unsent_.erase(0, static_cast<size_t>(n));
  } else {
    n = ::recv(fd_, buffer, wants_body_ ? sizeof(buffer) : kStatusLineBytes - received_.size(), 0);
    if (n == 0) return wants_body_ ? Code() : 0;
    if (n > 0) received_.append(buffer, static_cast<size_t>(n));
  }
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) return std::nullopt;
    return 0;
  }
  if (received_.size() > kMaxReplyBytes) return 0;
  if (wants_body_ || received_.size() < kStatusLineBytes) return std::nullopt;
  return Code();
}

int HttpProbe::Code() const {
  int code = 0;
  const bool is_http =
      received_.size() >= kStatusLineBytes && received_.starts_with(kStatusLineStart);
  if (!is_http || !absl::SimpleAtoi(received_.substr(kStatusLineStart.size(), 3), &code)) return 0;
  return code;
}

}  // namespace chorus
