#pragma once

// Keys and values of past tokens on a device: one pool of pages for all slots, taken once.
// A page holds 16 tokens of all layers.
//
// Thread safety: none.

#include <cstdint>
#include <span>
#include <vector>

#include "runner_server/tensor/torch.h"

namespace chorus::runner {

class PagedKv {
 public:
  static constexpr int kPageTokens = 16;
  static int NumPages(int num_tokens) { return (num_tokens + kPageTokens - 1) / kPageTokens; }

  struct Shape {
    int num_slots = 0;
    int num_layers = 0;
    int num_heads = 0;  // Of keys and values.
    int head_size = 0;
    int context_size = 0;   // Most tokens of a slot.
    int64_t max_bytes = 0;  // Of the pool, which is no larger than every slot's context.
  };

  // Throws c10::Error if the device has no memory.
  PagedKv(const Shape& shape, at::ScalarType dtype, const at::Device& device);

  int64_t bytes_per_token() const { return bytes_per_token_; }
  int64_t max_tokens() const { return num_pages_ * kPageTokens; }  // Of all slots together.

  // A page that is no slot's, for rows that only fill a batch.
  int64_t spare_page() const { return num_pages_; }

  // Takes pages for the first `num_tokens` tokens of a slot. Throws std::bad_alloc if there are
  // none left.
  void Reserve(int slot, int num_tokens);

  // Zeros the pages that were taken since the last call: attention multiplies what is in a page
  // behind its slot's last token by 0, which would keep a NaN.
  void ClearTaken();

  // Appends the pages of a slot, and spare ones, `num_pages` in all, which is no less than it has.
  void AppendPages(int slot, int num_pages, std::vector<int64_t>& pages) const;

  // Where the tokens [first, last) of a slot lie in the pool; they must be reserved. Appended.
  void AppendPlaces(int slot, int first, int last, std::vector<int64_t>& places) const;

  // `k` and `v` are [tokens, heads, head_size], `places` [tokens] on the device, here and below.
  void Store(int layer, const at::Tensor& places, const at::Tensor& k, const at::Tensor& v);

  // [places, 2, heads, head_size]: keys and values.
  at::Tensor Load(int layer, const at::Tensor& places) const;

  void CopyPrefix(int from_slot, int to_slot, int num_tokens);

  // Gives back the pages of `slot` beyond its first `num_kept_tokens` tokens.
  void Release(int slot, int num_kept_tokens);

 private:
  const Shape shape_;
  const int64_t bytes_per_token_;
  const int64_t num_pages_;                  // And a spare one.
  at::Tensor pool_;                          // [layers, tokens, 2, heads, head_size]
  std::vector<int64_t> taken_;               // Pages that are not cleared yet.
  std::vector<int64_t> free_;                // Pages.
  std::vector<std::vector<int64_t>> slots_;  // Their pages, in order.
};

}  // namespace chorus::runner
