#include "runner_server/model/torch/compiled_encoder.h"

#include <algorithm>
#include <numeric>

#include "runner_server/model/torch/compiled_weights.h"
#include "runner_server/model/torch/torch_device.h"

namespace chorus::runner {

CompiledEncoder::CompiledEncoder(const CompiledModel& model, std::span<const StoredTensor> weights,
                                 const at::Device& device, int num_threads)
    : model_(model),
      device_(device),
      code_(model.file.string(), "model", /*run_single_threaded=*/false, /*num_runners=*/1,
            device.is_cpu() ? -1 : device.index()),
      num_threads_(num_threads) {
  LoadWeights(model, weights, device, code_);
}

std::span<const float> CompiledEncoder::Forward(std::span<const Row> rows) {
  at::set_num_threads(num_threads_);
  values_.resize(rows.size() * model_.num_values);
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::ranges::greater(),
                           [&](size_t index) { return rows[index].ids.size(); });
  WithoutTorchErrors([&] {
    // A batch has rows of more than half its longest: there is never more padding than text.
    for (auto begin = order.begin(); begin != order.end();) {
      const size_t longest = rows[*begin].ids.size();
      const auto end = std::find_if(
          begin, order.end(), [&](size_t index) { return 2 * rows[index].ids.size() <= longest; });
      RunBatch(rows, {begin, end});
      begin = end;
    }
  });
  return values_;
}

void CompiledEncoder::RunBatch(std::span<const Row> rows, std::span<const size_t> indices) {
  const auto num_rows = static_cast<int64_t>(indices.size());
  const auto longest = static_cast<int64_t>(rows[indices[0]].ids.size());
  // [num_rows, longest]
  const at::Tensor ids = at::full({num_rows, longest}, model_.padding_id, at::kLong);
  const at::Tensor mask = at::zeros({num_rows, longest}, at::kLong);
  const at::Tensor types = at::zeros({num_rows, longest}, at::kLong);
  for (int64_t i = 0; i < num_rows; ++i) {
    const Row& row = rows[indices[i]];
    const int64_t first = i * longest;
    std::ranges::copy(row.ids, ids.mutable_data_ptr<int64_t>() + first);
    std::fill_n(mask.mutable_data_ptr<int64_t>() + first, row.ids.size(), 1);
    std::ranges::copy(row.type_ids, types.mutable_data_ptr<int64_t>() + first);
  }
  std::vector<at::Tensor> inputs = {ids.to(device_), mask.to(device_)};
  if (model_.num_token_types > 1) inputs.push_back(types.to(device_));
  const at::Tensor out = code_.run(inputs).at(0);
  const bool is_embedder = std::holds_alternative<EmbeddingHead>(model_.head);
  std::vector<int64_t> expected = {num_rows, model_.num_values};
  if (is_embedder) expected.insert(expected.begin() + 1, longest);
  TORCH_CHECK(out.sizes() == expected, "the compiled model gives out a tensor of another shape");
  const bool is_mean = PoolingOf(model_.head) == Pooling::kMean;
  std::vector<at::Tensor> vectors;  // Of each row, [num_values].
  for (int64_t i = 0; is_embedder && i < num_rows; ++i) {
    const at::Tensor tokens = out[i].to(at::kFloat);
    const Row& row = rows[indices[i]];
    const auto size = static_cast<int64_t>(row.ids.size());
    const int64_t first = std::min<int64_t>(row.num_unpooled, size - 1);
    vectors.push_back(is_mean ? tokens.narrow(0, first, size - first).mean(0) : tokens[0]);
  }
  const at::Tensor values =
      (is_embedder ? at::stack(vectors) : out).to(at::kCPU, at::kFloat).contiguous();
  for (int64_t i = 0; i < num_rows; ++i) {
    std::copy_n(values.const_data_ptr<float>() + i * model_.num_values, model_.num_values,
                values_.begin() + static_cast<ptrdiff_t>(indices[i]) * model_.num_values);
  }
}

}  // namespace chorus::runner
