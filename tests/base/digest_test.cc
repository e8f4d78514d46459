#include "base/digest.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace chorus {
namespace {

// The examples of FIPS 180-2, appendix B.
TEST(Sha256, GivesThePublishedDigests) {
  const struct {
    std::string text;
    const char* digest;
  } kCases[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1000000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const auto& c : kCases) {
    Sha256 hash;
    hash.Update(c.text);
    EXPECT_EQ(std::move(hash).HexDigest(), c.digest);
  }
}

TEST(Sha256, PiecesMakeTheWhole) {
  Sha256 hash;
  for (const char* piece : {"a", "", "bc"}) hash.Update(piece);
  EXPECT_EQ(std::move(hash).HexDigest(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

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
