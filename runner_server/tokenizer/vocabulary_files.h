#pragma once

// The vocabulary files from before tokenizer.json, read as by transformers. Errors are those of
// base/model_file.h.
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

// The object {"token": id, ...} as tokens by id. INVALID_ARGUMENT, beginning with `what`, unless
// the ids are 0 to n - 1, each once.
absl::StatusOr<std::vector<std::string>> TokensById(const nlohmann::json& ids,
                                                    std::string_view what);

// vocab.json, {"token": id, ...}: tokens by id.
absl::StatusOr<std::vector<std::string>> ReadVocabJson(const std::filesystem::path& path);

struct MergesTxt {
  std::vector<std::pair<std::string, std::string>> merges;  // The best first.
  std::string rest;  // Text after the last line end, which is no merge, as in transformers.
};

// merges.txt: a version line, then one "left right" a line.
absl::StatusOr<MergesTxt> ReadMergesTxt(const std::filesystem::path& path);

// vocab.txt: one token a line, the first has id 0.
absl::StatusOr<std::vector<std::string>> ReadVocabTxt(const std::filesystem::path& path);

}  // namespace chorus::runner
