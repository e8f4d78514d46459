// Input: what a hub says of a repository. What is accepted keeps the promises of its header, and
// what is then fetched can only be the few files of a model.

#include <set>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "model_store/hub/hub_listing.h"
#include "model_store/hub/hub_source.h"
#include "model_store/manifest.h"
#include "tests/fuzz/fuzz_target.h"

namespace chorus {
namespace {

void CheckFile(const store::HubFile& file) {
  FUZZ_ASSERT(store::IsModelFileName(file.name));
  FUZZ_ASSERT(file.size_bytes >= 0 && file.size_bytes <= int64_t{1} << 42);
  FUZZ_ASSERT(file.sha256.empty() != file.git_sha1.empty());
  FUZZ_ASSERT(file.sha256.empty() || IsSha256(file.sha256));
  FUZZ_ASSERT(file.git_sha1.empty() || store::IsCommit(file.git_sha1));
}

void CheckListing(std::string_view text) {
  const auto listing = store::ParseHubListing(text);
  if (!listing.ok()) {
    FUZZ_ASSERT(absl::IsInvalidArgument(listing.status()));
    return;
  }
  FUZZ_ASSERT(store::IsCommit(listing->commit));
  std::set<std::string> names;
  for (const store::HubFile& file : listing->files) {
    CheckFile(file);
    FUZZ_ASSERT(names.insert(file.name).second);
  }
  const auto files = store::SelectModelFiles(*listing);
  if (!files.ok()) {
    FUZZ_ASSERT(absl::IsFailedPrecondition(files.status()));
    return;
  }
  FUZZ_ASSERT(files->small.size() >= 2 && files->small.size() <= 17);
  FUZZ_ASSERT(files->small.front().name == "config.json");
  FUZZ_ASSERT(files->weights.size() == (files->index.empty() ? 1 : 0));
}

}  // namespace
}  // namespace chorus

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  chorus::CheckListing({reinterpret_cast<const char*>(data), size});
  return 0;
}
