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

namespace chorus::store {

inline constexpr int64_t kMaxHubListingBytes = 8 << 20;

struct HubFile {
  std::string name;        // At the top of the repository: no slash.
  int64_t size_bytes = 0;  // At most 2^42.
  // Exactly one is set. Large files (LFS) have a SHA-256, others the SHA-1 of their Git blob.
  std::string sha256;
  std::string git_sha1;
  bool operator==(const HubFile&) const = default;
};

struct HubListing {
  std::string commit;          // 40 lower-case hexadecimal digits.
  std::vector<HubFile> files;  // By name, each once; those in folders are left out.
};

// INVALID_ARGUMENT says what is missing or wrong.
absl::StatusOr<HubListing> ParseHubListing(std::string_view json);

// The files of the model, config.json first and model.safetensors last; between them those that
// exist of tokenizer.json, vocab.json, merges.txt, vocab.txt, tokenizer_config.json,
// special_tokens_map.json and added_tokens.json.
//
// FAILED_PRECONDITION if Chorus cannot use this repository: pickled or sharded weights, or a
// missing file.
absl::StatusOr<std::vector<HubFile>> SelectModelFiles(const HubListing& listing);

}  // namespace chorus::store
