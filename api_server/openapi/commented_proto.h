#pragma once

// Descriptors of a .proto file together with its comments, which generated descriptors lack.
//
// Thread safety: immutable.

#include <google/protobuf/descriptor.h>

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"

namespace chorus {

class CommentedProto {
 public:
  // `descriptor_set` is a serialised FileDescriptorSet as protoc --include_source_info writes it: of
  // the file, last, and before it of those that it imports and whose comments are wanted. Other
  // imports are taken from the generated code. INTERNAL says what does not fit together.
  static absl::StatusOr<std::unique_ptr<CommentedProto>> Create(std::string_view descriptor_set);

  // Lives as long as this object, as all that it leads to.
  const google::protobuf::FileDescriptor& file() const { return *file_; }

 private:
  CommentedProto() = default;

  google::protobuf::DescriptorPool pool_;
  const google::protobuf::FileDescriptor* file_ = nullptr;
};

}  // namespace chorus
