#include "runner_server/model/encoder.h"

#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {

std::span<const float> Encoder::Forward(Rows rows) {
  const int padding_id = architecture().padding_id;
  tokens_.clear();
  first_tokens_.clear();
  for (const std::span<const int32_t> row : rows) {
    first_tokens_.push_back(static_cast<int>(tokens_.size()));
    int last_position = padding_id;
    for (const int32_t id : row) {
      tokens_.push_back({id, id == padding_id ? padding_id : ++last_position});
    }
  }
  transformer_->Run(tokens_, [&](int, const float* qkv, float* out) { Attend(rows, qkv, out); });
  return transformer_->Logits(first_tokens_);
}

// Heads come outermost, so that an even share of the items is an even share of the work.
void Encoder::Attend(Rows rows, const float* qkv, float* out) {
  const int num_rows = static_cast<int>(rows.size());
  const ptrdiff_t hidden = architecture().hidden_size;
  const int size = architecture().head_size();
  const ptrdiff_t key_bytes = KeyBlockBytes(kv_element_, size);
  const ptrdiff_t block_bytes = key_bytes + ValueBlockBytes(kv_element_, size);
  const KernelTable& kernels = Kernels();
  transformer_->pool().Run(num_rows * architecture().num_heads, [&](int thread, int begin,
                                                                    int end) {
    for (int item = begin; item < end; ++item) {
      const ptrdiff_t column = ptrdiff_t{item / num_rows} * size;  // The head's first.
      const ptrdiff_t first = first_tokens_[item % num_rows];
      const int num_tokens = static_cast<int>(rows[item % num_rows].size());
      const float* q = qkv + first * 3 * hidden + column;
      const size_t num_blocks = PaddedKeys(num_tokens) / kKeyBlock;
      char* blocks =
          reinterpret_cast<char*>(kv_[thread].Get(num_blocks * block_bytes / sizeof(float)));
      const float* token = q;
      for (int t = 0; t < num_tokens; ++t, token += 3 * hidden) {
        char* block = blocks + t / kKeyBlock * block_bytes;
        kernels.store_kv({.element = kv_element_,
                          .head_size = size,
                          .position = t,
                          .key = token + hidden,
                          .value = token + 2 * hidden,
                          .keys = block,
                          .values = block + key_bytes});
      }
      kernels.attention({.q = q,
                         .q_stride = 3 * hidden,
                         .num_queries = num_tokens,
                         .head_size = size,
                         .scale = architecture().attention_scale(),
                         .element = kv_element_,
                         .keys = blocks,
                         .key_block_stride = block_bytes,
                         .values = blocks + key_bytes,
                         .value_block_stride = block_bytes,
                         .value_row_stride = ptrdiff_t{4} * PaddedHeadSize(size),
                         .num_keys = num_tokens,
                         .causal = false,
                         .scratch = scratch_[thread].Get(AttentionScratchSize(size, num_tokens)),
                         .out = out + first * hidden + column,
                         .out_stride = hidden});
    }
  });
}

}  // namespace chorus::runner
