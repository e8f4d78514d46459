#pragma once

// The vocabulary files that models came with before tokenizer.json, read as transformers reads
// them. Errors are those of model_file.h.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace chorus {

// vocab.json, {"token": id, ...}: tokens by id.
absl::StatusOr<std::vector<std::string>> ReadVocabJson(const std::filesystem::path& path);

// merges.txt: after a first line, which says the version, one "left right" a line, the best first.
// What follows the last line end does not count, nor does it in transformers.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ReadMergesTxt(
    const std::filesystem::path& path);

// vocab.txt: one token a line, the first has id 0.
absl::StatusOr<std::vector<std::string>> ReadVocabTxt(const std::filesystem::path& path);

}  // namespace chorus
