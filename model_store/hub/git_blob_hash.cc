#include "model_store/hub/git_blob_hash.h"

#include "absl/strings/str_cat.h"

namespace chorus {

GitBlobHash::GitBlobHash(int64_t size_bytes) {
  const std::string header = absl::StrCat("blob ", size_bytes);
  Update({header.c_str(), header.size() + 1});
}

}  // namespace chorus
