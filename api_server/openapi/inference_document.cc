#include "api_server/openapi/inference_document.h"

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "api_server/openapi/commented_proto.h"
#include "api_server/openapi/openapi_document.h"
#include "api_server/openapi/openapi_files.h"
#include "base/status_macros.h"

namespace chorus {
namespace {

std::string_view FindFile(std::string_view name) {
  for (const EmbeddedFile& file : OpenApiFiles()) {
    if (file.name == name) return file.content;
  }
  return {};
}

}  // namespace

absl::StatusOr<std::string> InferenceDocument(std::string_view version) {
  ASSIGN_OR_RETURN(const std::unique_ptr<CommentedProto> proto,
                   CommentedProto::Create(FindFile("inference.binpb")));
  absl::StatusOr<std::string> document =
      MakeOpenApiDocument({.service = proto->file().FindServiceByName("InferenceService"),
                           .base = FindFile("base.json"),
                           .examples = FindFile("examples.json"),
                           .version = version});
  if (document.ok()) return document;
  return absl::InternalError(
      absl::StrCat("cannot describe the API: ", document.status().message()));
}

}  // namespace chorus
