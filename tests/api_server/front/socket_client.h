#pragma once

// A client that says to a server on this machine exactly the bytes it is told to.
//
// Nothing waits for ever: a reply that does not come within ten seconds reads as an empty one.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace chorus::gateway {

class SocketClient {
 public:
  struct Reply {
    int status = 0;    // 0: the connection ended or nothing came.
    std::string head;  // With the status line, without the empty line.
    std::string body;

    bool Has(std::string_view line) const { return head.find(line) != std::string::npos; }
    // The value of a field, by its exact name; empty when there is none.
    std::string Field(const std::string& name) const {
      const size_t start = head.find("\r\n" + name + ": ");
      if (start == std::string::npos) return "";
      const size_t value = start + name.size() + 4;
      return head.substr(value, head.find("\r\n", value) - value);
    }
  };

  explicit SocketClient(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval timeout = {.tv_sec = 10};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~SocketClient() { Close(); }
  SocketClient(const SocketClient&) = delete;
  SocketClient& operator=(const SocketClient&) = delete;

  bool connected() const { return connected_; }

  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // The server has closed; what it said is still there to read.
      bytes.remove_prefix(sent);
    }
  }

  // The next reply, whose body Content-Length delimits; `has_body` is false after HEAD.
  Reply Read(bool has_body = true) {
    Reply reply;
    size_t end;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive()) return reply;
    }
    reply.head = received_.substr(0, end + 2);
    received_.erase(0, end + 4);
    reply.status = std::atoi(reply.head.substr(9, 3).c_str());
    const size_t length = std::atoi(reply.Field("Content-Length").c_str());
    if (!has_body) return reply;
    while (received_.size() < length) {
      if (!Receive()) return {};
    }
    reply.body = received_.substr(0, length);
    received_.erase(0, length);
    return reply;
  }

  // The head of the next reply alone.
  Reply ReadHead() { return Read(/*has_body=*/false); }

  // The next `size` bytes, or those until the server closes.
  std::string ReadBytes(size_t size) {
    while (received_.size() < size && Receive()) {
    }
    const std::string bytes = received_.substr(0, size);
    received_.erase(0, bytes.size());
    return bytes;
  }

  Reply Ask(std::string_view bytes) {
    Send(bytes);
    return Read();
  }

  // Whether the server has closed, and said nothing more before. Waits for it.
  bool IsClosed() { return received_.empty() && !Receive() && closed_; }

  // Sends FIN, and nothing afterwards.
  void CloseSending() { shutdown(fd_, SHUT_WR); }

  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  // Closes with RST.
  void Reset() {
    const linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    Close();
  }

 private:
  bool Receive() {
    char bytes[4096];
    const ssize_t num_bytes = recv(fd_, bytes, sizeof(bytes), 0);
    if (num_bytes > 0) received_.append(bytes, num_bytes);
    closed_ = num_bytes == 0 || (num_bytes < 0 && errno == ECONNRESET);
    return num_bytes > 0;
  }

  int fd_;
  bool connected_ = false;
  bool closed_ = false;
  std::string received_;
};

}  // namespace chorus::gateway
