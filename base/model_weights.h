#pragma once

// The weights of a model folder: Chorus reads one file, model.safetensors. Other formats are
// recognised by file name, so that the error can say how to convert them.
//
// Thread safety: free function without state.

#include <filesystem>
#include <string_view>

#include "absl/status/status.h"

namespace chorus {

inline constexpr char kWeightsFileName[] = "model.safetensors";

// OK if the file exists. Else FAILED_PRECONDITION, which names the format found and how to convert
// it, or NOT_FOUND if there are no weights. Errors begin with the folder. `architecture` is
// config.json's, or empty.
absl::Status CheckWeightsFile(const std::filesystem::path& folder, std::string_view architecture);

}  // namespace chorus
