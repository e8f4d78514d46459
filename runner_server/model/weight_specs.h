#pragma once

// The tensors that a checkpoint of an Architecture has: names and shapes.
// Thread safety: free functions without state.

#include <string>
#include <vector>

#include "runner_server/model/architecture.h"
#include "runner_server/weights/weight_map.h"

namespace chorus::runner {

std::vector<WeightSpec> WeightSpecs(const Architecture& architecture);

// The name of a part of a stored layer, such as "h.0.ln_1".
std::string LayerName(const Architecture& architecture, int index, const std::string& part);

}  // namespace chorus::runner
