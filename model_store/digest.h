#pragma once

// An incremental hash, by OpenSSL.
//
// Thread safety: none; a value of one thread.

#include <memory>
#include <string>
#include <string_view>

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

}  // namespace chorus
