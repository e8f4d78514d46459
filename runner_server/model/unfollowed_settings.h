#pragma once

// Settings of generation that change a model's texts in transformers, and that Chorus does not
// implement.
//
// Thread safety: free functions without state.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace chorus::runner {

// The names of those in a generation_config.json, or a config.json, that change something.
std::vector<std::string> UnfollowedSettings(const nlohmann::json& config);

// Whether a config.json sets one of what transformers calls its generation parameters: it then
// counts in place of a generation_config.json that was made from it.
bool SetsGeneration(const nlohmann::json& config);

}  // namespace chorus::runner
