#include "runner_server/model/torch/step_graph.h"

#ifdef CHORUS_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace chorus::runner {

#ifdef CHORUS_CUDA
namespace {

class CudaGraph : public StepGraph {
 public:
  // `work` has run before, so that libraries have what they allocate once.
  explicit CudaGraph(const std::function<void()>& work) {
    // All graphs share one pool: only one plays at a time.
    static const at::MempoolId_t pool = at::cuda::graph_pool_handle();
    graph_.capture_begin(pool);
    work();
    graph_.capture_end();
  }

  void Play() override { graph_.replay(); }

 private:
  at::cuda::CUDAGraph graph_;
};

}  // namespace
#endif

std::unique_ptr<StepGraph> StepGraph::Record(const at::Device& device,
                                             const std::function<void()>& work) {
  work();
#ifdef CHORUS_CUDA
  if (device.is_cuda()) {
    // A stream may be recorded if it is not the default one.
    c10::cuda::CUDAStream current = c10::cuda::getCurrentCUDAStream(device.index());
    current.synchronize();
    std::unique_ptr<StepGraph> graph;
    {
      const c10::cuda::CUDAStreamGuard guard(
          c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index()));
      graph = std::make_unique<CudaGraph>(work);
    }
    graph->Play();  // Recording did not run it, and the tensors are now the graph's.
    return graph;
  }
#endif
  return nullptr;
}

}  // namespace chorus::runner
