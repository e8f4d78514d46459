#pragma once

// A hub's description of one revision of a repository: GET
// /api/models/{repo}/revision/{rev}?blobs=true of the Hugging Face hub's API. Untrusted.
//
// Thread safety: values and free functions.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/weights_index.h"

namespace chorus::store {

inline constexpr int64_t kMaxHubListingBytes = 8 << 20;

struct HubFile {
  std::string name;        // IsModelFileName's (manifest.h).
  int64_t size_bytes = 0;  // At most 2^42.
  // Exactly one is set. Large files (LFS) have a SHA-256, others the SHA-1 of their Git blob.
  std::string sha256;
  std::string git_sha1;
  bool operator==(const HubFile&) const = default;
};

struct HubListing {
  std::string commit;          // 40 lower-case hexadecimal digits.
  std::vector<HubFile> files;  // By name, each once; those in other folders are left out.
  std::string licence;         // As the model's card names it, such as "mit"; empty: not known.
};

// INVALID_ARGUMENT says what is missing or wrong.
absl::StatusOr<HubListing> ParseHubListing(std::string_view json);

// The files of a model.
struct ModelFiles {
  // What the weights are judged by: config.json first; their index, if they are in shards; what
  // there is of the vocabulary and of the files that say how the model is used.
  std::vector<HubFile> small;
  std::string index;  // Its name; empty if the weights are one file.
  // But for shards, of which SelectShards tells; those of modules, such as 2_Dense, are among them.
  std::vector<HubFile> weights;
};

// Of safetensors and what torch.save writes the first is taken, of one file and shards the one.
// FAILED_PRECONDITION if Chorus cannot use this repository: a missing file, or weights of another
// format.
absl::StatusOr<ModelFiles> SelectModelFiles(const HubListing& listing);

// The shards that the index names. FAILED_PRECONDITION if one is not in the repository.
absl::StatusOr<std::vector<HubFile>> SelectShards(const HubListing& listing,
                                                  const WeightsIndex& index);

}  // namespace chorus::store
