#include "runner_server/metrics/status_pages.h"

#include <civetweb.h>

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/socket_address.h"
#include "base/status_macros.h"

namespace chorus::runner {
namespace {

// A civetweb request handler: gives the HTTP status.
int Answer(mg_connection* connection, void* data) {
  const auto& page = *static_cast<const StatusPages::Page*>(data);
  const mg_request_info& request = *mg_get_request_info(connection);
  if (page.path != request.local_uri) {  // Handlers get what lies below their path too.
    mg_send_http_error(connection, 404, "no such page");
    return 404;
  }
  if (std::string_view(request.request_method) != "GET") {
    mg_send_http_error(connection, 405, "only GET is served here");
    return 405;
  }
  const std::string body = page.make();
  const std::string head = absl::StrCat("HTTP/1.1 200 OK\r\nContent-Type: ", page.content_type,
                                        "\r\nContent-Length: ", body.size(),
                                        "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n");
  mg_write(connection, head.data(), head.size());
  mg_write(connection, body.data(), body.size());
  return 200;
}

// civetweb is built without IPv6.
absl::StatusOr<SocketAddress> FindAddress(const std::string& text) {
  ASSIGN_OR_RETURN(const HostPort host_port, HostPort::Parse(text));
  ASSIGN_OR_RETURN(const std::vector<SocketAddress> addresses,
                   SocketAddress::ResolveToListen(host_port));
  for (const SocketAddress& address : addresses) {
    if (!address.is_ipv6()) return address;
  }
  return absl::InvalidArgumentError("these pages are served on IPv4 addresses, such as 0.0.0.0");
}

}  // namespace

absl::StatusOr<std::unique_ptr<StatusPages>> StatusPages::Listen(const std::string& address,
                                                                 std::vector<Page> pages) {
  ASSIGN_OR_RETURN(const SocketAddress listen, FindAddress(address));
  std::unique_ptr<StatusPages> server(new StatusPages(std::move(pages)));
  const std::string ports = listen.ToString();
  const char* const options[] = {"listening_ports", ports.c_str(), "num_threads", "2", nullptr};
  const mg_callbacks callbacks = {};
  server->context_ = mg_start(&callbacks, nullptr, const_cast<const char**>(options));
  if (server->context_ == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address));
  }
  for (const Page& page : server->pages_) {
    mg_set_request_handler(server->context_, page.path.c_str(), &Answer, const_cast<Page*>(&page));
  }
  return server;
}

StatusPages::~StatusPages() {
  if (context_ != nullptr) mg_stop(context_);
}

int StatusPages::port() const {
  mg_server_port port = {};
  return mg_get_server_ports(context_, 1, &port) == 1 ? port.port : 0;
}

}  // namespace chorus::runner
