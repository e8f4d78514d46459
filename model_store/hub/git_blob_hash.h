#pragma once

// Git's name of a file's content: SHA-1 of "blob SIZE\0" and the bytes. Detects damage, not
// forgery.
//
// Thread safety: none; a value of one thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "model_store/digest.h"

namespace chorus {

class GitBlobHash {
 public:
  // `size_bytes` is the total of all pieces.
  explicit GitBlobHash(int64_t size_bytes);

  void Update(std::string_view bytes) { digest_.Update(bytes); }

  // 40 lower-case hexadecimal digits. Call once, last.
  std::string HexDigest() && { return std::move(digest_).HexDigest(); }

 private:
  Digest digest_{Digest::Algorithm::kSha1};
};

}  // namespace chorus
