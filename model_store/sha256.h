#pragma once

// SHA-256 (FIPS 180-4) of bytes that come in pieces.
//
// Thread safety: none; a value of one thread.

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace chorus {

class Sha256 {
 public:
  Sha256();
  ~Sha256();

  void Update(std::string_view bytes);

  // 64 lower-case hexadecimal digits. Call once, last.
  std::string HexDigest() &&;

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// Whether `text` is 64 lower-case hexadecimal digits.
bool IsSha256(std::string_view text);

}  // namespace chorus
