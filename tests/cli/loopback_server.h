#pragma once

// A listening socket on 127.0.0.1 that a test serves by hand.

#include <string>
#include <string_view>

#include "tests/base/loopback_socket.h"

namespace chorus {

class LoopbackServer : public LoopbackSocket {
 public:
  // Takes one connection, reads a request's head, answers, and closes. Returns the head.
  std::string Serve(std::string_view answer) const {
    const int connection = ::accept(fd(), nullptr, nullptr);
    std::string head;
    char byte;
    while (!head.ends_with("\r\n\r\n") && ::recv(connection, &byte, 1, 0) == 1) head += byte;
    (void)!::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::close(connection);
    return head;
  }
};

}  // namespace chorus
