#pragma once

// Incremental SHA-256 (FIPS 180-4).
//
// Thread safety: none; a value of one thread.

#include <string>
#include <string_view>
#include <utility>

#include "model_store/digest.h"

namespace chorus {

class Sha256 {
 public:
  void Update(std::string_view bytes) { digest_.Update(bytes); }

  // 64 lower-case hexadecimal digits. Call once, last.
  std::string HexDigest() && { return std::move(digest_).HexDigest(); }

 private:
  Digest digest_{Digest::Algorithm::kSha256};
};

// Whether `text` is 64 lower-case hexadecimal digits.
bool IsSha256(std::string_view text);

}  // namespace chorus
