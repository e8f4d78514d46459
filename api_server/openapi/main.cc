// Writes the OpenAPI document of chorus.v1.InferenceService and the gateway's own routes, when the
// gateway is built: make_openapi VERSION BASE EXAMPLES DESCRIPTORS OUT.

#include <google/protobuf/descriptor.h>

#include <fstream>
#include <iostream>
#include <string>

#include "absl/status/status.h"
#include "api_server/openapi/comment.h"
#include "api_server/openapi/openapi_document.h"
#include "base/read_file.h"
#include "base/status_macros.h"

namespace chorus::gateway {
namespace {

constexpr int64_t kMaxFileBytes = 16 << 20;

absl::Status Make(char** arguments) {
  ASSIGN_OR_RETURN(const std::string base, ReadFile(arguments[2], kMaxFileBytes));
  ASSIGN_OR_RETURN(const std::string examples, ReadFile(arguments[3], kMaxFileBytes));
  ASSIGN_OR_RETURN(const std::string descriptors, ReadFile(arguments[4], kMaxFileBytes));
  google::protobuf::DescriptorPool pool;
  const google::protobuf::FileDescriptor* file = LoadCommentedProto(descriptors, pool);
  if (file == nullptr) return absl::InvalidArgumentError("the descriptors are broken");
  ASSIGN_OR_RETURN(const std::string document,
                   MakeOpenApiDocument({.service = file->FindServiceByName("InferenceService"),
                                        .base = base,
                                        .examples = examples,
                                        .version = arguments[1]}));
  std::ofstream out(arguments[5], std::ios::binary);
  if (out << document << std::flush) return absl::OkStatus();
  return absl::UnavailableError("cannot be written");
}

}  // namespace
}  // namespace chorus::gateway

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const absl::Status status = chorus::gateway::Make(argv);
  if (!status.ok()) std::cerr << argv[5] << ": " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
