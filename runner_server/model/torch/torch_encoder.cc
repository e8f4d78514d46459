#include "runner_server/model/torch/torch_encoder.h"

#include <vector>

#include "runner_server/model/torch/torch_errors.h"

namespace chorus::runner {
namespace {

// [queries, heads, head_size] as an attention wants it.
at::Tensor AsBatch(const at::Tensor& heads) { return heads.transpose(0, 1).unsqueeze(0); }

}  // namespace

std::span<const float> TorchEncoder::Forward(std::span<const Row> rows) {
  at::set_num_threads(num_threads_);
  return WithoutTorchErrors([&]() -> std::span<const float> {
    const Architecture& a = architecture();
    std::vector<int64_t> ids, positions, types;
    std::vector<int> begins = {0};
    for (const Row& row : rows) {
      int64_t position = a.first_position;
      for (size_t i = 0; i < row.ids.size(); ++i) {
        ids.push_back(row.ids[i]);
        positions.push_back(row.ids[i] == a.padding_id ? a.first_position - 1 : position++);
        types.push_back(row.type_ids.empty() ? 0 : row.type_ids[i]);
      }
      begins.push_back(static_cast<int>(ids.size()));
    }
    const at::Device& device = transformer_->device();
    const auto on_device = [&](const std::vector<int64_t>& values) {
      return at::tensor(values, at::kLong).to(device);
    };
    const TorchTokens tokens = {
        .ids = on_device(ids), .positions = on_device(positions), .types = on_device(types)};
    const auto attend = [&](int layer, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v) {
      const LayerAttention& kind = a.attention[layer];
      std::vector<at::Tensor> mixed;  // Of each row, [tokens, q_size].
      for (size_t i = 0; i < rows.size(); ++i) {
        const int64_t first = begins[i], size = begins[i + 1] - begins[i];
        TorchAttention attention = {.q = AsBatch(q.narrow(0, first, size)),
                                    .k = AsBatch(k.narrow(0, first, size)),
                                    .v = AsBatch(v.narrow(0, first, size)),
                                    .scale = kind.scale,
                                    .soft_cap = a.attention_soft_cap};
        if (kind.window > 0 && kind.window < size) {
          const at::Tensor at = at::arange(size, at::TensorOptions(at::kLong).device(device));
          attention.mask = (at.unsqueeze(1) - at.unsqueeze(0)).abs() < kind.window;
        }
        mixed.push_back(attention.Run().squeeze(0).transpose(0, 1).flatten(1));
      }
      return mixed.size() == 1 ? mixed[0] : at::cat(mixed);
    };
    values_ =
        transformer_->Values(transformer_->Run(tokens, attend), begins).to(at::kCPU).contiguous();
    return {values_.const_data_ptr<float>(), static_cast<size_t>(values_.numel())};
  });
}

}  // namespace chorus::runner
