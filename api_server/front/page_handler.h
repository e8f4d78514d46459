#pragma once

// Answers GET and HEAD of fixed paths: probes, metrics, web pages.
//
// Thread safety: add all pages first; then as HttpHandler.

#include <functional>
#include <map>
#include <string>

#include "api_server/front/http_handler.h"

namespace chorus::gateway {

class PageHandler final : public HttpHandler {
 public:
  // Calls `done` once, from any thread, with the reply to GET, also for HEAD. Called from all I/O
  // threads at once; must not block.
  using Page = std::function<void(const HttpRequest& request, HttpRoute::Done done)>;

  // `path` is matched exactly, such as "/livez".
  void Add(std::string path, Page page) { pages_.emplace(std::move(path), std::move(page)); }

  // A static file with a strong ETag; If-None-Match gets 304. Its headers make browsers revalidate,
  // forbid type sniffing, and restrict loading to this origin.
  void AddFile(std::string path, std::string content_type, std::string body);

  HttpRoute Match(const HttpRequest& head) const override;
  HttpReply ErrorReply(const absl::Status& error, std::string_view request_id) const override;

 private:
  std::map<std::string, Page, std::less<>> pages_;
};

}  // namespace chorus::gateway
