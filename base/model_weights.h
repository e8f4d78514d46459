#pragma once

// The weights of a model folder: Chorus reads one file, model.safetensors. Other forms that they
// come in are known by name, so that a user hears what to do.
//
// Thread safety: free function without state.

#include <filesystem>
#include <string_view>

#include "absl/status/status.h"

namespace chorus {

inline constexpr char kWeightsFileName[] = "model.safetensors";

// OK if the file is there. Else, beginning with the folder, FAILED_PRECONDITION that says which
// form the weights have and how to make the file of it, or NOT_FOUND if there are none.
// `architecture` is as config.json has it, or empty.
absl::Status CheckWeightsFile(const std::filesystem::path& folder, std::string_view architecture);

}  // namespace chorus
