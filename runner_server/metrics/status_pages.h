#pragma once

// Serves a few pages over HTTP, for scrapers and operators: /metrics and the like. A page is made
// afresh for every GET; other methods are answered 405, other paths 404.
//
// Thread safety: none but for port(); pages are made on two threads of its own, at once.

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
    std::function<std::string()> make;  // Called by several threads at once.
  };

  // Listens on `address`, HOST:PORT; port 0 is any that is free. Of IPv4 alone, also where the host
  // is a name of both families. INVALID_ARGUMENT when that is no such address; when it cannot be
  // listened on, as SocketAddress::CheckFree().
  static absl::StatusOr<std::unique_ptr<StatusPages>> Listen(const std::string& address,
                                                             std::vector<Page> pages);

  // Waits for pages being made; takes up to two seconds.
  ~StatusPages();

  int port() const;

 private:
  explicit StatusPages(std::vector<Page> pages) : pages_(std::move(pages)) {}

  const std::vector<Page> pages_;
  mg_context* context_ = nullptr;
};

}  // namespace chorus::runner
