#pragma once

// The .proto files of this folder, with their comments.

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>

#include "api_server/openapi/commented_proto.h"
#include "base/embedded_file.h"

namespace chorus {

// Descriptor sets, named "schema_builder_test.binpb" and so on.
std::span<const EmbeddedFile> TestProtos();

// `stem` is the file's name without its extension; it must be there.
inline std::unique_ptr<CommentedProto> LoadProto(const std::string& stem) {
  for (const EmbeddedFile& file : TestProtos()) {
    if (file.name != stem + ".binpb") continue;
    auto proto = CommentedProto::Create(file.content);
    EXPECT_TRUE(proto.ok()) << proto.status();
    return *std::move(proto);
  }
  ADD_FAILURE() << stem << ".proto is not embedded";
  return nullptr;
}

}  // namespace chorus
