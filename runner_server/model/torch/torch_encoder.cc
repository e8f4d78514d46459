#include "runner_server/model/torch/torch_encoder.h"

#include <algorithm>
#include <vector>

namespace chorus::runner {
namespace {

at::Tensor OnDevice(const std::vector<int64_t>& values, const at::Device& device) {
  return at::tensor(values, at::kLong).to(device);
}

// The rows of a pass, whose tokens are concatenated, as a batch of the longest one's length.
class Batch {
 public:
  Batch(const std::vector<int>& begins, const at::Device& device)
      : device_(device), num_rows_(std::ssize(begins) - 1), num_tokens_(begins.back()) {
    for (int64_t i = 0; i < num_rows_; ++i) {
      longest_ = std::max<int64_t>(longest_, begins[i + 1] - begins[i]);
    }
    if (num_rows_ * longest_ == num_tokens_) return;
    std::vector<int64_t> to(num_rows_ * longest_, 0), from, sizes;
    for (int64_t i = 0; i < num_rows_; ++i) {
      sizes.push_back(begins[i + 1] - begins[i]);
      for (int64_t t = 0; t < sizes.back(); ++t) {
        to[i * longest_ + t] = begins[i] + t;
        from.push_back(i * longest_ + t);
      }
    }
    to_ = OnDevice(to, device);
    from_ = OnDevice(from, device);
    const auto options = at::TensorOptions(at::kLong).device(device);
    mask_ = (at::arange(longest_, options) < OnDevice(sizes, device).unsqueeze(1))
                .view({num_rows_, 1, 1, longest_});
  }

  // [tokens, heads, head_size] as an attention wants it: what fills the batch is the first token.
  at::Tensor Pad(const at::Tensor& heads) const {
    const at::Tensor padded = to_.defined() ? heads.index_select(0, to_) : heads;
    return padded.view({num_rows_, longest_, heads.size(1), heads.size(2)}).transpose(1, 2);
  }

  // An attention's result as [tokens, q_size].
  at::Tensor Unpad(const at::Tensor& mixed) const {
    const at::Tensor tokens = mixed.transpose(1, 2).reshape({num_rows_ * longest_, -1});
    return from_.defined() ? tokens.index_select(0, from_) : tokens;
  }

  // Which keys a query sees, by window; undefined: all.
  at::Tensor Mask(int window) const {
    if (window == 0 || window >= longest_) return mask_;
    const at::Tensor place = at::arange(longest_, at::TensorOptions(at::kLong).device(device_));
    const at::Tensor near = (place.unsqueeze(1) - place.unsqueeze(0)).abs() < window;
    return mask_.defined() ? mask_ & near : near;
  }

 private:
  const at::Device device_;
  const int64_t num_rows_, num_tokens_;
  int64_t longest_ = 0;
  at::Tensor to_, from_;  // Undefined: the rows are of one length.
  at::Tensor mask_;
};

}  // namespace

std::span<const float> TorchEncoder::Forward(std::span<const Row> rows) {
  at::set_num_threads(num_threads_);
  return WithoutTorchErrors([&]() -> std::span<const float> {
    const Architecture& a = architecture();
    std::vector<int64_t> ids, positions, types;
    std::vector<int> begins = {0}, unpooled;
    for (const Row& row : rows) {
      unpooled.push_back(row.num_unpooled);
      int64_t position = a.first_position;
      for (size_t i = 0; i < row.ids.size(); ++i) {
        ids.push_back(row.ids[i]);
        positions.push_back(row.ids[i] == a.padding_id ? a.first_position - 1 : position++);
        types.push_back(row.type_ids.empty() ? 0 : row.type_ids[i]);
      }
      begins.push_back(static_cast<int>(ids.size()));
    }
    const at::Device& device = transformer_->device();
    const TorchTokens tokens = {.ids = OnDevice(ids, device),
                                .positions = OnDevice(positions, device),
                                .types = OnDevice(types, device)};
    const auto attend = [&](const Batch& batch, int layer, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v) {
      const LayerAttention& kind = a.attention[layer];
      const TorchAttention attention = {.q = batch.Pad(q),
                                        .k = batch.Pad(k),
                                        .v = batch.Pad(v),
                                        .mask = batch.Mask(kind.window),
                                        .scale = kind.scale,
                                        .soft_cap = a.attention_soft_cap};
      return batch.Unpad(attention.Run());
    };
    // On a CPU each row by itself: what a batch would be padded with is work like any other.
    std::vector<Batch> batches;
    if (pads_) {
      batches.emplace_back(begins, device);
    } else {
      for (size_t i = 0; i < rows.size(); ++i) {
        batches.emplace_back(std::vector<int>{0, begins[i + 1] - begins[i]}, device);
      }
    }
    const auto attend_all = [&](int layer, const at::Tensor& q, const at::Tensor& k,
                                const at::Tensor& v) {
      if (batches.size() == 1) return attend(batches[0], layer, q, k, v);
      std::vector<at::Tensor> mixed;
      for (size_t i = 0; i < batches.size(); ++i) {
        const auto part = [&](const at::Tensor& all) {
          return all.slice(0, begins[i], begins[i + 1]);
        };
        mixed.push_back(attend(batches[i], layer, part(q), part(k), part(v)));
      }
      return at::cat(mixed);
    };
    values_ = transformer_->Values(transformer_->Run(tokens, attend_all), begins, unpooled)
                  .to(at::kCPU)
                  .contiguous();
    return {values_.const_data_ptr<float>(), static_cast<size_t>(values_.numel())};
  });
}

}  // namespace chorus::runner
