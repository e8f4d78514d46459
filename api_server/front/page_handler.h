#pragma once

// Answers GET and HEAD of single paths, without an RPC: probes, metrics, pages.
//
// Thread safety: as HttpHandler, once all pages have been added.

#include <functional>
#include <map>
#include <string>

#include "api_server/front/http_handler.h"

namespace chorus {

class PageHandler final : public HttpHandler {
 public:
  // Calls `done` once, from any thread, with the reply to GET; HEAD's is the same. Called from all
  // I/O threads at once; must not block.
  using Page = std::function<void(const HttpRequest& request, HttpRoute::Done done)>;

  // `path` is the whole of it, such as "/livez".
  void Add(std::string path, Page page) { pages_.emplace(std::move(path), std::move(page)); }

  // A file that is served as it stands, with a strong ETag: a client that names it in If-None-Match
  // gets 304. The browser is told to ask each time, to take the type at its word, and to load
  // nothing from anywhere else.
  void AddFile(std::string path, std::string content_type, std::string body);

  HttpRoute Match(const HttpRequest& head) const override;
  HttpReply ErrorReply(const absl::Status& error, std::string_view request_id) const override;

 private:
  std::map<std::string, Page, std::less<>> pages_;
};

}  // namespace chorus
