#pragma once

// The names of precisions, as --dtype and the API spell them.
//
// Thread safety: free functions without state.

#include <string_view>

#include "absl/status/statusor.h"
#include "runner_server/kernels/precision.h"

namespace chorus::runner {

// Of one of kDtypes; "auto" is what is fastest with this CPU's kernels and costs no quality.
// INVALID_ARGUMENT lists them.
absl::StatusOr<Precision> ParseDtype(std::string_view name);

std::string_view DtypeName(Precision precision);

}  // namespace chorus::runner
