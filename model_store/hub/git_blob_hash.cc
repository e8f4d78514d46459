#include "model_store/hub/git_blob_hash.h"

#include <openssl/evp.h>

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace chorus {
namespace {

// OpenSSL's digests fail only when it was built or configured without SHA-1.
void Require(int ok) {
  if (ok != 1) std::abort();
}

}  // namespace

void GitBlobHash::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

GitBlobHash::GitBlobHash(int64_t size_bytes) : context_(EVP_MD_CTX_new()) {
  Require(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha1(), nullptr));
  const std::string header = absl::StrCat("blob ", size_bytes);
  Update({header.c_str(), header.size() + 1});
}
GitBlobHash::~GitBlobHash() = default;

void GitBlobHash::Update(std::string_view bytes) {
  Require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

std::string GitBlobHash::HexDigest() && {
  char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  Require(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest), &size));
  return absl::BytesToHexString({digest, size});
}

}  // namespace chorus
