#pragma once

// The tensors that a checkpoint of an Architecture has: names and shapes.
// Thread safety: free function without state.

#include <vector>

#include "runner_server/model/architecture.h"
#include "runner_server/weights/weight_map.h"

namespace chorus::runner {

std::vector<WeightSpec> WeightSpecs(const Architecture& architecture);

}  // namespace chorus::runner
