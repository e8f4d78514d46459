#pragma once

// An added token as tokenizer.json and tokenizer_config.json write it:
// {"content": "<|endoftext|>", "special": true, "normalized": false, "lstrip": false, ...}.
//
// Thread safety: free function without state.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {

// The id is field "id", or 0. INVALID_ARGUMENT begins with `what`.
absl::StatusOr<AddedToken> AddedTokenFromJson(const nlohmann::json& object, std::string what);

}  // namespace chorus::runner
