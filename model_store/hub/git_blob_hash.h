#pragma once

// The name Git gives to a file's content: SHA-1 of "blob SIZE\0" and the bytes, which come in
// pieces. It tells damage, not forgery: SHA-1 can be forged.
//
// Thread safety: none; a value of one thread.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace chorus {

class GitBlobHash {
 public:
  // `size_bytes` is what all pieces will have together.
  explicit GitBlobHash(int64_t size_bytes);
  ~GitBlobHash();
  GitBlobHash(GitBlobHash&&) = default;
  GitBlobHash& operator=(GitBlobHash&&) = default;

  void Update(std::string_view bytes);

  // 40 lower-case hexadecimal digits. Call once, last.
  std::string HexDigest() &&;

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace chorus
