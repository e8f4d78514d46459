#pragma once

// Reads tokenizer.json, Hugging Face's self-contained tokenizer file. Ignores "padding", and of
// "truncation" all but the side, as transformers does.
//
// Errors are those of base/model_file.h. Thread safety: free functions without state.

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/tokenizer_spec.h"

namespace chorus::runner {

absl::StatusOr<TokenizerSpec> ReadTokenizerJson(const std::filesystem::path& path);

// The same of the parsed file.
absl::StatusOr<TokenizerSpec> TokenizerSpecFromJson(nlohmann::json root, std::string path);

}  // namespace chorus::runner
