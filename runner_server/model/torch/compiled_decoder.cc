#include "runner_server/model/torch/compiled_decoder.h"

#include <exception>
#include <utility>
#include <vector>

#include "runner_server/model/torch/compiled_weights.h"

namespace chorus::runner {
namespace {

// What runs on a thread.
struct RunningPass {
  TorchAttend attend;
  const Architecture& architecture;
  at::ScalarType dtype;
  std::exception_ptr error = {};  // Of attention: the code knows none but its own.
};
thread_local RunningPass* running = nullptr;

// chorus::attend: `q` is [tokens, heads, head_size], `k` and `v` [tokens, kv heads, head_size]; the
// result is as `q`.
at::Tensor AttendInPass(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        int64_t layer) {
  TORCH_CHECK(running != nullptr, "chorus::attend is called outside of a pass");
  const Architecture& a = running->architecture;
  TORCH_CHECK(layer >= 0 && layer < a.num_layers, "chorus::attend is called for layer ", layer,
              " of ", a.num_layers);
  const std::vector<int64_t> past = {q.size(0), a.num_kv_heads, a.head_size};
  TORCH_CHECK(q.dim() == 3 && q.size(2) == a.head_size && k.sizes() == past && v.sizes() == past,
              "chorus::attend is called with tensors of other shapes than config.json tells");
  try {
    const at::ScalarType dtype = running->dtype;
    return running->attend(static_cast<int>(layer), q.to(dtype), k.to(dtype), v.to(dtype))
        .view(q.sizes())
        .to(q.scalar_type())
        .contiguous();
  } catch (...) {
    running->error = std::current_exception();
    throw;
  }
}

}  // namespace

CompiledDecoder::CompiledDecoder(const CompiledModel& model, std::span<const StoredTensor> weights,
                                 at::ScalarType dtype, const at::Device& device)
    : model_(model),
      dtype_(dtype),
      device_(device),
      code_(model.file.string(), "model", /*run_single_threaded=*/true, /*num_runners=*/1,
            device.is_cpu() ? -1 : device.index()) {
  LoadWeights(model, weights, device, code_);
}

at::Tensor CompiledDecoder::Logits(const TorchTokens& tokens, const at::Tensor& wanted,
                                   TorchAttend attend) {
  RunningPass pass = {.attend = attend, .architecture = architecture(), .dtype = dtype_};
  at::Tensor rows =
      wanted.defined() ? wanted.clone() : at::arange(tokens.ids.size(0), tokens.ids.options());
  // The code has no shape without rows: one is computed that nobody asked for.
  const bool wants_none = rows.size(0) == 0;
  if (wants_none) rows = at::zeros({1}, rows.options());
  // It may rely on where a tensor of its own begins in memory, and these are parts of one.
  const std::vector<at::Tensor> inputs = {tokens.ids.clone(), tokens.positions.clone(), rows};
  running = &pass;
  std::vector<at::Tensor> outputs;
  try {
    outputs = code_.run(inputs);
  } catch (...) {
    running = nullptr;
    if (pass.error) std::rethrow_exception(pass.error);
    throw;
  }
  running = nullptr;
  if (wants_none) return {};
  const std::vector<int64_t> expected = {rows.size(0), architecture().vocab_size};
  TORCH_CHECK(outputs.at(0).sizes() == expected,
              "the compiled model gives out a tensor of another shape");
  return outputs[0].to(at::kFloat);
}

}  // namespace chorus::runner

TORCH_LIBRARY(chorus, library) {
  library.def("attend(Tensor q, Tensor k, Tensor v, int layer) -> Tensor",
              torch::dispatch(c10::DispatchKey::CompositeExplicitAutograd,
                              TORCH_FN(chorus::runner::AttendInPass)));
}
