#include "api_server/pages.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api_server/openapi/inference_document.h"
#include "api_server/web/web_files.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus {
namespace {

constexpr std::pair<std::string_view, const char*> kContentTypes[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
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

}  // namespace

absl::StatusOr<OwnRoutes> MakePages(std::string_view version) {
  OwnRoutes pages;
  for (const EmbeddedFile& file : WebFiles()) {
    pages.emplace(PathOf(file.name),
                  StaticReply(ContentTypeOf(file.name), std::string(file.content)));
  }
  ASSIGN_OR_RETURN(const std::string document, InferenceDocument(version));
  for (const char* path : {"/docs.json", "/openapi.json"}) {
    pages.emplace(path, StaticReply("application/json", document));
  }
  return pages;
}

}  // namespace chorus
