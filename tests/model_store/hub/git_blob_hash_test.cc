#include "model_store/hub/git_blob_hash.h"

#include <gtest/gtest.h>

#include <utility>

namespace chorus {
namespace {

// As `git hash-object` prints them.
TEST(GitBlobHash, IsGits) {
  GitBlobHash empty(0);
  EXPECT_EQ(std::move(empty).HexDigest(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  GitBlobHash pieces(12);
  pieces.Update("hello ");
  pieces.Update("");
  pieces.Update("world\n");
  EXPECT_EQ(std::move(pieces).HexDigest(), "3b18e512dba79e4c8300dd08aeb37f8e728b8dad");
}

}  // namespace
}  // namespace chorus
