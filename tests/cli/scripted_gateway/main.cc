// Stands in for api_server: the same flags and ports file; GET /readyz is 200 once the sockets of
// all runners of the config file are there. A graph file with "bad" in it is refused. SIGHUP is
// only said. --print_openapi comes last.

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <regex>
#include <string>
#include <string_view>

#include "base/signals.h"
#include "base/socket_address.h"

namespace {

using chorus::SocketAddress;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool RunnersAreReady(const std::string& config) {
  const std::regex endpoint("unix:([^\"]+)");
  for (std::sregex_iterator it(config.begin(), config.end(), endpoint), end; it != end; ++it) {
    if (!std::filesystem::is_socket((*it)[1].str())) return false;
  }
  return true;
}

// Listens, and says where.
int Listen(const SocketAddress& address, std::string& bound) {
  const int fd = socket(address.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(fd, address.data(), address.size()) != 0 || listen(fd, 16) != 0) return -1;
  sockaddr_storage storage;
  socklen_t size = sizeof(storage);
  getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  const auto* in = reinterpret_cast<const sockaddr_in*>(&storage);
  bound = "127.0.0.1:" + std::to_string(ntohs(in->sin_port));
  return fd;
}

void Answer(int connection, bool ready) {
  char buffer[4096];
  (void)!recv(connection, buffer, sizeof(buffer), 0);
  const std::string answer = ready
                                 ? "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\n"
                                 : "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
  (void)!send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
  close(connection);
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> flags;
  for (int i = 1; i < argc; ++i) {
    const bool has_value = i + 1 < argc && std::string_view(argv[i + 1]).substr(0, 2) != "--";
    const std::string flag = argv[i];
    flags[flag] = has_value ? argv[++i] : "";
  }
  if (ReadAll(flags["--graph"]).find("bad") != std::string::npos) {
    std::cerr << flags["--graph"] << ":1: bad graph" << std::endl;
    return 1;
  }
  if (std::string(argv[argc - 1]) == "--print_openapi") {
    std::cout << "{\"openapi\":\"3.1.0\"}" << std::endl;
    return 0;
  }
  const int signal_fd = chorus::SignalFd({SIGTERM, SIGHUP}).value();
  std::string http, grpc;
  const int http_fd = Listen(*SocketAddress::Parse(flags["--http_address"]), http);
  const int grpc_fd = Listen(*SocketAddress::Parse(flags["--grpc_address"]), grpc);
  if (http_fd < 0 || grpc_fd < 0) return 1;
  const std::string ports = flags["--ports_file"];
  std::ofstream(ports + ".new") << "http=" << http << "\ngrpc=" << grpc << "\n";
  std::filesystem::rename(ports + ".new", ports);
  const std::string config = ReadAll(flags["--config"]);
  for (;;) {
    pollfd entries[] = {{http_fd, POLLIN, 0}, {signal_fd, POLLIN, 0}};
    poll(entries, 2, -1);
    if (entries[0].revents != 0) Answer(accept(http_fd, nullptr, nullptr), RunnersAreReady(config));
    const int signal = chorus::NextSignal(signal_fd);
    if (signal == 0) continue;
    if (signal != SIGHUP) break;
    std::cout << "reloaded" << std::endl;
  }
  std::cout << "drained" << std::endl;
  return 0;
}
