#pragma once

// A private folder for unix sockets.
//
// Thread safety: free function without state.

#include "absl/status/statusor.h"
#include "model_store/scratch_directory.h"

namespace chorus {

// In $TMPDIR if sockets' paths fit there, else in /tmp; removes what earlier runs left when they
// were killed. The error says what could not be made.
absl::StatusOr<store::ScratchDirectory> CreateSocketDirectory();

}  // namespace chorus
