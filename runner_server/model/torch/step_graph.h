#pragma once

// A sequence of a device's operations on tensors that keep their addresses, recorded once and
// played back without their host side. step_graph.cc has all that is CUDA's.
//
// Thread safety: none.

#include <functional>
#include <memory>

#include "runner_server/tensor/torch.h"

namespace chorus::runner {

class StepGraph {
 public:
  virtual ~StepGraph() = default;

  // Runs `work`, and records what it asks of the device. Null if the device cannot record: then
  // `work` has just run. What is allocated in it lives as long as the graph.
  static std::unique_ptr<StepGraph> Record(const at::Device& device,
                                           const std::function<void()>& work);

  virtual void Play() = 0;
};

}  // namespace chorus::runner
