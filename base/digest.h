#pragma once

// An incremental hash, by OpenSSL.
//
// Thread safety: none; a value of one thread.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

struct evp_md_ctx_st;

namespace chorus {

class Digest {
 public:
  enum class Algorithm { kSha1, kSha256 };  // FIPS 180-4.

  explicit Digest(Algorithm algorithm);
  ~Digest();
  Digest(Digest&&) = default;
  Digest& operator=(Digest&&) = default;

  void Update(std::string_view bytes);

  // Lower-case hexadecimal digits. Call once, last.
  std::string HexDigest() &&;

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// SHA-256 (FIPS 180-4).
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

// The name Git gives to a file's content: SHA-1 of "blob SIZE\0" and the bytes. It tells damage,
// not forgery: SHA-1 can be forged.
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
