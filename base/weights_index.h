#pragma once

// The index of weights that are cut into shards, as transformers writes it beside them:
// {"weight_map": {TENSOR: FILE, …}}. Untrusted.
//
// Thread safety: a free function without state.

#include <filesystem>
#include <map>
#include <string>

#include "absl/status/statusor.h"

namespace chorus {

// By tensor, the shard that holds it: a plain file name, to be looked for beside the index.
using WeightsIndex = std::map<std::string, std::string>;

// Reads an index, whose name is that of the whole file and ".index.json": its shards end as that
// does. INVALID_ARGUMENT, with the path, says what is wrong; ReadModelJson's errors.
absl::StatusOr<WeightsIndex> ReadWeightsIndex(const std::filesystem::path& path);

}  // namespace chorus
