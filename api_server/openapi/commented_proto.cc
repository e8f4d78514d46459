#include "api_server/openapi/commented_proto.h"

#include <google/protobuf/descriptor.pb.h>

#include <string>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace chorus {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;

namespace {

// Copies the imports of `file`, and theirs, from the generated code into `pool`.
absl::Status AddImports(const FileDescriptorProto& file, DescriptorPool& pool) {
  for (const std::string& name : file.dependency()) {
    if (pool.FindFileByName(name) != nullptr) continue;
    const FileDescriptor* generated = DescriptorPool::generated_pool()->FindFileByName(name);
    if (generated == nullptr) {
      return absl::InternalError(
          absl::StrCat(file.name(), " imports ", name, ", whose generated code is not linked in"));
    }
    FileDescriptorProto import;
    generated->CopyTo(&import);
    RETURN_IF_ERROR(AddImports(import, pool));
    pool.BuildFile(import);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<CommentedProto>> CommentedProto::Create(
    std::string_view descriptor_set) {
  FileDescriptorSet set;
  if (!set.ParseFromArray(descriptor_set.data(), static_cast<int>(descriptor_set.size())) ||
      set.file().empty()) {
    return absl::InternalError("the descriptor set has no file");
  }
  auto proto = absl::WrapUnique(new CommentedProto);
  for (const FileDescriptorProto& file : set.file()) {
    RETURN_IF_ERROR(AddImports(file, proto->pool_));
    proto->file_ = proto->pool_.BuildFile(file);
    if (proto->file_ == nullptr) {
      return absl::InternalError(absl::StrCat("the descriptors of ", file.name(), " are wrong"));
    }
  }
  return proto;
}

}  // namespace chorus
