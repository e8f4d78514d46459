#pragma once

// A private folder for unix sockets.
//
// Thread safety: free function without state.

#include "absl/status/statusor.h"
#include "model_store/scratch_directory.h"

namespace chorus {

// Creates it in $TMPDIR if socket paths fit there, else in /tmp. Removes folders of killed runs,
// here and there.
absl::StatusOr<store::ScratchDirectory> CreateSocketDirectory();

}  // namespace chorus
