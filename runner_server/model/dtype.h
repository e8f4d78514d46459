#pragma once

// The names of precisions, as --dtype and the API spell them.
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/kernels/precision.h"

namespace chorus::runner {

// "auto", "float32", "bfloat16", "int8", "int8_weight_only".
std::vector<std::string> DtypeNames();

// Of one of these; "auto" is bfloat16 where the CPU multiplies it, else float32. INVALID_ARGUMENT
// lists them.
absl::StatusOr<Precision> ParseDtype(std::string_view name);

std::string_view DtypeName(Precision precision);

}  // namespace chorus::runner
