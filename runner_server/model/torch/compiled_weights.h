#pragma once

// Gives a CompiledModel's native code its weights.
// Thread safety: a free function without state.

#include <span>

#include "runner_server/model/compiled_model.h"
#include "runner_server/tensor/torch.h"
#include "runner_server/weights/tensor.h"

namespace chorus::runner {

// Copies them to the device. Throws c10::Error or std::runtime_error if the code asks for one that
// is not there.
void LoadWeights(const CompiledModel& model, std::span<const StoredTensor> weights,
                 const at::Device& device, torch::inductor::AOTIModelPackageLoader& code);

}  // namespace chorus::runner
