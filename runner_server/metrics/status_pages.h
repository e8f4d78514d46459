#pragma once

// Serves a few pages over HTTP (civetweb), such as /metrics. A page is generated for every GET;
// other methods get 405, other paths 404.
//
// Thread safety: none except port(). Pages are generated on two threads of its own, concurrently.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

struct mg_context;

namespace chorus::runner {

class StatusPages {
 public:
  struct Page {
    std::string path;  // Such as "/metrics".
    std::string content_type;
    std::function<std::string()> make;  // May be called concurrently.
  };

  // Listens on `address`, HOST:PORT; port 0 is any free one. IPv4 only, also if the host is a name.
  // INVALID_ARGUMENT for a malformed address, else the errors of SocketAddress::CheckFree().
  static absl::StatusOr<std::unique_ptr<StatusPages>> Listen(const std::string& address,
                                                             std::vector<Page> pages);

  // Waits for pages in progress; takes up to two seconds.
  ~StatusPages();

  int port() const;

 private:
  explicit StatusPages(std::vector<Page> pages) : pages_(std::move(pages)) {}

  const std::vector<Page> pages_;
  mg_context* context_ = nullptr;
};

}  // namespace chorus::runner
