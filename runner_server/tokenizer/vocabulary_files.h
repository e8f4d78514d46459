#pragma once

// The vocabulary files that models came with before tokenizer.json, read as transformers reads
// them. Errors are those of base/model_file.h.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace chorus::runner {

// The object {"token": id, ...} as tokens by id. `what` begins the errors. INVALID_ARGUMENT unless
// the ids are 0 to n - 1, each once.
absl::StatusOr<std::vector<std::string>> TokensById(const nlohmann::json& ids,
                                                    std::string_view what);

// vocab.json, {"token": id, ...}: tokens by id.
absl::StatusOr<std::vector<std::string>> ReadVocabJson(const std::filesystem::path& path);

struct MergesTxt {
  std::vector<std::pair<std::string, std::string>> merges;  // The best first.
  std::string rest;  // What follows the last line end; it is no merge, nor is it in transformers.
};

// merges.txt: after a first line, which says the version, one "left right" a line.
absl::StatusOr<MergesTxt> ReadMergesTxt(const std::filesystem::path& path);

// vocab.txt: one token a line, the first has id 0.
absl::StatusOr<std::vector<std::string>> ReadVocabTxt(const std::filesystem::path& path);

}  // namespace chorus::runner
