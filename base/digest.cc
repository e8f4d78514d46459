#include "base/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace chorus {
namespace {

// OpenSSL's digests fail only when it was built or configured without the algorithm.
void Require(int ok) {
  if (ok != 1) std::abort();
}

}  // namespace

void Digest::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Digest::Digest(Algorithm algorithm) : context_(EVP_MD_CTX_new()) {
  const EVP_MD* type = algorithm == Algorithm::kSha1 ? EVP_sha1() : EVP_sha256();
  Require(context_ != nullptr && EVP_DigestInit_ex(context_.get(), type, nullptr));
}

Digest::~Digest() = default;

void Digest::Update(std::string_view bytes) {
  Require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

std::string Digest::HexDigest() && {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  Require(EVP_DigestFinal_ex(context_.get(), digest, &size));
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += kDigits[digest[i] >> 4];
    hex += kDigits[digest[i] & 15];
  }
  return hex;
}

bool IsSha256(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

GitBlobHash::GitBlobHash(int64_t size_bytes) {
  const std::string header = absl::StrCat("blob ", size_bytes);
  Update({header.c_str(), header.size() + 1});
}

}  // namespace chorus
