#pragma once

// The .proto files of this folder, with their comments.

#include <gtest/gtest.h>

#include <deque>
#include <span>
#include <string>

#include "api_server/openapi/comment.h"
#include "base/embedded_file.h"

namespace chorus::gateway {

// Descriptor sets, named "schema_builder_test.binpb" and so on.
std::span<const EmbeddedFile> TestProtos();

// `stem` is the file's name without its extension; it must be there.
inline const google::protobuf::FileDescriptor& LoadProto(const std::string& stem) {
  static auto& kPools = *new std::deque<google::protobuf::DescriptorPool>;  // Kept to the end.
  google::protobuf::DescriptorPool& pool = kPools.emplace_back();
  const google::protobuf::FileDescriptor* proto = nullptr;
  for (const EmbeddedFile& file : TestProtos()) {
    if (file.name == stem + ".binpb") proto = LoadCommentedProto(file.content, pool);
  }
  EXPECT_NE(proto, nullptr) << stem;
  return *proto;
}

}  // namespace chorus::gateway
