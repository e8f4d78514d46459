#pragma once

// An HTTP/1.1 server on 127.0.0.1, perhaps within TLS, whose replies a test writes itself, each
// connection on a thread.

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/base/loopback_socket.h"

namespace chorus::bench {

class ScriptedHttpServer {
 public:
  struct Request {
    std::string head, body;
  };
  class Reply {
   public:
    Reply(int fd, SSL* tls) : fd_(fd), tls_(tls) {}
    void Send(std::string_view bytes) {
      if (tls_ != nullptr) {
        (void)::SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()));
      } else {
        (void)!::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      }
    }
    void Whole(int code, const std::string& body) {
      Send("HTTP/1.1 " + std::to_string(code) +
           " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    }
    void BeginStream() {
      Send(
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
          "chunked\r\n\r\n");
    }
    void Chunk(std::string_view bytes) {
      char size[16];
      std::snprintf(size, sizeof(size), "%zx\r\n", bytes.size());
      Send(std::string(size) + std::string(bytes) + "\r\n");
    }
    void EndStream() { Send("0\r\n\r\n"); }
    void Close() { is_closed_ = true; }
    bool is_closed() const { return is_closed_; }

   private:
    const int fd_;
    SSL* const tls_;
    bool is_closed_ = false;
  };
  using Handler = std::function<void(const Request&, Reply&)>;

  // `tls` must outlive the server; null: none.
  explicit ScriptedHttpServer(Handler handler, SSL_CTX* tls = nullptr)
      : handler_(std::move(handler)), tls_(tls), accepting_([this] { Accept(); }) {}
  ~ScriptedHttpServer() {
    ::shutdown(socket_.fd(), SHUT_RDWR);
    accepting_.join();
    for (const int fd : fds_) ::shutdown(fd, SHUT_RDWR);
    for (std::thread& thread : threads_) thread.join();
    for (const int fd : fds_) ::close(fd);
  }

  std::string url() const { return (tls_ == nullptr ? "http://" : "https://") + socket_.address(); }
  int num_connections() const { return num_connections_; }

 private:
  void Accept() {
    for (int fd; (fd = ::accept(socket_.fd(), nullptr, nullptr)) >= 0;) {
      ++num_connections_;
      fds_.push_back(fd);
      threads_.emplace_back([this, fd] { Serve(fd); });
    }
  }

  void Serve(int fd) {
    if (tls_ == nullptr) return Serve(fd, nullptr);
    SSL* const tls = SSL_new(tls_);
    SSL_set_fd(tls, fd);
    if (SSL_accept(tls) == 1) Serve(fd, tls);
    ::shutdown(fd, SHUT_RDWR);
    SSL_free(tls);
  }

  void Serve(int fd, SSL* tls) {
    std::string bytes;
    char buffer[4096];
    for (;;) {
      const size_t end = bytes.find("\r\n\r\n");
      const size_t at = bytes.find("Content-Length: ");
      const size_t size = at < end ? std::strtoul(bytes.c_str() + at + 16, nullptr, 10) : 0;
      if (end != std::string::npos && bytes.size() >= end + 4 + size) {
        const Request request{bytes.substr(0, end + 2), bytes.substr(end + 4, size)};
        bytes.erase(0, end + 4 + size);
        Reply reply(fd, tls);
        handler_(request, reply);
        if (!reply.is_closed()) continue;
        ::shutdown(fd, SHUT_RDWR);
        return;
      }
      const ssize_t n = tls == nullptr ? ::recv(fd, buffer, sizeof(buffer), 0)
                                       : ::SSL_read(tls, buffer, sizeof(buffer));
      if (n <= 0) return;
      bytes.append(buffer, static_cast<size_t>(n));
    }
  }

  const Handler handler_;
  SSL_CTX* const tls_;
  LoopbackSocket socket_;
  std::atomic<int> num_connections_ = 0;
  std::vector<int> fds_;  // Of the accepting thread until that has ended, as the following.
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

}  // namespace chorus::bench
