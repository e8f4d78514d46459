#include "runner_server/model/torch/paged_kv.h"

#include <algorithm>
#include <new>

namespace chorus::runner {

PagedKv::PagedKv(const Shape& shape, at::ScalarType dtype, const at::Device& device)
    : shape_(shape),
      bytes_per_token_(int64_t{2} * shape.num_layers * shape.num_heads * shape.head_size *
                       static_cast<int64_t>(at::elementSize(dtype))),
      num_pages_(std::min(int64_t{shape.num_slots} * NumPages(shape.context_size),
                          shape.max_bytes / (bytes_per_token_ * kPageTokens))),
      slots_(shape.num_slots) {
  pool_ = at::empty(
      {shape.num_layers, (num_pages_ + 1) * kPageTokens, 2, shape.num_heads, shape.head_size},
      at::TensorOptions(dtype).device(device));
  for (int64_t page = num_pages_; page > 0; --page) free_.push_back(page - 1);
  taken_.push_back(spare_page());
}

void PagedKv::Reserve(int slot, int num_tokens) {
  std::vector<int64_t>& pages = slots_[slot];
  while (static_cast<int>(pages.size()) < NumPages(num_tokens)) {
    if (free_.empty()) throw std::bad_alloc();
    pages.push_back(free_.back());
    taken_.push_back(free_.back());
    free_.pop_back();
  }
}

void PagedKv::ClearTaken() {
  if (taken_.empty()) return;
  pool_.view({shape_.num_layers, num_pages_ + 1, -1})
      .index_fill_(1, at::tensor(taken_, at::kLong).to(pool_.device()), 0);
  taken_.clear();
}

void PagedKv::AppendPages(int slot, int num_pages, std::vector<int64_t>& pages) const {
  const std::vector<int64_t>& own = slots_[slot];
  const size_t end = pages.size() + num_pages;
  pages.insert(pages.end(), own.begin(),
               own.begin() + std::min<ptrdiff_t>(num_pages, std::ssize(own)));
  pages.resize(end, spare_page());
}

void PagedKv::AppendPlaces(int slot, int first, int last, std::vector<int64_t>& places) const {
  const std::vector<int64_t>& pages = slots_[slot];
  for (int t = first; t < last; ++t) {
    places.push_back(pages[t / kPageTokens] * kPageTokens + t % kPageTokens);
  }
}

void PagedKv::Store(int layer, const at::Tensor& places, const at::Tensor& k, const at::Tensor& v) {
  pool_[layer].index_copy_(0, places, at::stack({k, v}, 1));
}

at::Tensor PagedKv::Load(int layer, const at::Tensor& places) const {
  return pool_[layer].index_select(0, places);
}

void PagedKv::CopyPrefix(int from_slot, int to_slot, int num_tokens) {
  Reserve(to_slot, num_tokens);
  ClearTaken();
  std::vector<int64_t> from, to;
  AppendPlaces(from_slot, 0, num_tokens, from);
  AppendPlaces(to_slot, 0, num_tokens, to);
  const auto on_device = [&](const std::vector<int64_t>& places) {
    return at::tensor(places, at::kLong).to(pool_.device());
  };
  pool_.index_copy_(1, on_device(to), pool_.index_select(1, on_device(from)));
}

void PagedKv::Release(int slot, int num_kept_tokens) {
  std::vector<int64_t>& pages = slots_[slot];
  while (static_cast<int>(pages.size()) > NumPages(num_kept_tokens)) {
    free_.push_back(pages.back());
    pages.pop_back();
  }
}

}  // namespace chorus::runner
