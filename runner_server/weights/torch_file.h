#pragma once

// Reads the tensors of a state dict that torch.save has written, in a ZIP archive (since torch 1.6)
// or in the format before it. Untrusted; of its pickle nothing is executed (pickle.h).
//
// Thread safety: a function without state.

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/weights/tensor.h"

namespace chorus::runner {

// The tensors, each within `bytes`, the whole file, and of another name; other entries of the dict
// are left out. INVALID_ARGUMENT says what is not as it should be, or not read, and what to do.
absl::StatusOr<std::vector<StoredTensor>> ReadTorchFile(std::string_view bytes);

}  // namespace chorus::runner
