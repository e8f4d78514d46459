#pragma once

// Reads the small files of a model folder. They are untrusted: sizes and depths are bounded, text
// is checked to be UTF-8, and no exception comes out.
//
// Errors begin with the path. NOT_FOUND if there is no such file, INVALID_ARGUMENT if it is not
// what it should be, UNAVAILABLE if it cannot be read.
//
// Thread safety: free functions without state.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus {

// Several times the largest tokenizer.json there is.
inline constexpr uint64_t kMaxModelFileBytes = uint64_t{64} << 20;

// How Python reads text: line ends of every system become '\n'.
absl::StatusOr<std::string> ReadModelText(const std::filesystem::path& path);

// A JSON object.
absl::StatusOr<nlohmann::json> ReadModelJson(const std::filesystem::path& path);

// The object {"token": id, ...} as tokens by id. `what` begins the errors. INVALID_ARGUMENT unless
// the ids are 0 to n - 1, each once.
absl::StatusOr<std::vector<std::string>> TokensById(const nlohmann::json& ids,
                                                    std::string_view what);

}  // namespace chorus
