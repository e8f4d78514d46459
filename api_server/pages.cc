#include "api_server/pages.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api_server/web/web_files.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

constexpr std::pair<std::string_view, const char*> kContentTypes[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".json", "application/json"},
};

const char* ContentTypeOf(std::string_view file) {
  for (const auto& [extension, type] : kContentTypes) {
    if (absl::EndsWith(AbslView(file), AbslView(extension))) return type;
  }
  return "application/octet-stream";
}

std::string PathOf(std::string_view file) {
  if (file == "index.html") return "/";
  if (file == "docs.html") return "/docs";
  return absl::StrCat("/", AbslView(file));
}

HttpReply PlainText(int status, std::string body) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(body)};
}

void AddProbes(std::function<std::string()> why_not_ready, PageHandler& pages) {
  // As BentoML answers them.
  for (const char* path : {"/livez", "/healthz"}) {
    pages.Add(path, [](const HttpRequest&, HttpRoute::Done done) {
      std::move(done)(PlainText(200, "\n"));
    });
  }
  pages.Add("/readyz",
            [why_not_ready = std::move(why_not_ready)](const HttpRequest&, HttpRoute::Done done) {
              std::string why = why_not_ready();
              std::move(done)(why.empty() ? PlainText(200, "\n") : PlainText(503, std::move(why)));
            });
}

}  // namespace

std::unique_ptr<PageHandler> MakePages(PageSources sources) {
  auto pages = std::make_unique<PageHandler>();
  AddProbes(std::move(sources.why_not_ready), *pages);
  pages->Add("/metrics",
             [write = std::move(sources.write_metrics)](const HttpRequest&, HttpRoute::Done done) {
               write([done = std::move(done)](std::string text) mutable {
                 std::move(done)({.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                  .body = std::move(text)});
               });
             });
  for (const EmbeddedFile& file : WebFiles()) {
    pages->AddFile(PathOf(file.name), ContentTypeOf(file.name), std::string(file.content));
  }
  pages->AddFile("/docs.json", "application/json", std::string(OpenApiDocument()));
  return pages;
}

std::string_view OpenApiDocument() {
  for (const EmbeddedFile& file : WebFiles()) {
    if (file.name == "openapi.json") return file.content;
  }
  return {};
}

}  // namespace chorus::gateway
