#include "runner_server/model/encoder.h"

#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {

std::span<const float> Encoder::Forward(Rows rows) {
  const int padding_id = architecture().padding_id;
  const int first_position = architecture().first_position;
  tokens_.clear();
  begins_.clear();
  unpooled_.clear();
  for (const Row& row : rows) {
    unpooled_.push_back(row.num_unpooled);
    begins_.push_back(static_cast<int>(tokens_.size()));
    int position = first_position;
    for (size_t i = 0; i < row.ids.size(); ++i) {
      tokens_.push_back({.id = row.ids[i],
                         .position = row.ids[i] == padding_id ? first_position - 1 : position++,
                         .type = row.type_ids.empty() ? 0 : row.type_ids[i]});
    }
  }
  begins_.push_back(static_cast<int>(tokens_.size()));
  transformer_->Run(
      tokens_, [&](int layer, const float* qkv, float* out) { Attend(rows, layer, qkv, out); });
  return transformer_->Values(begins_, unpooled_);
}

// Heads come outermost, so that an even share of the items is an even share of the work.
void Encoder::Attend(Rows rows, int layer, const float* qkv, float* out) {
  const int num_rows = static_cast<int>(rows.size());
  transformer_->pool().Run(
      num_rows * architecture().num_heads, [&](int thread, int begin, int end) {
        for (int item = begin; item < end; ++item) {
          AttendHead(static_cast<int>(rows[item % num_rows].ids.size()), begins_[item % num_rows],
                     layer, item / num_rows, thread, qkv, out);
        }
      });
}

void Encoder::AttendHead(int num_tokens, int first_token, int layer, int head, int thread,
                         const float* qkv, float* out) {
  const Architecture& a = architecture();
  const ptrdiff_t width = a.qkv_size();
  const ptrdiff_t key_bytes = KeyBlockBytes(kv_element_, a.head_size);
  const ptrdiff_t block_bytes = key_bytes + ValueBlockBytes(kv_element_, a.head_size);
  const size_t num_blocks = PaddedKeys(num_tokens) / kKeyBlock;
  char* blocks = reinterpret_cast<char*>(kv_[thread].Get(num_blocks * block_bytes / sizeof(float)));
  const int kv_head = head / (a.num_heads / a.num_kv_heads);
  const float* token = qkv + first_token * width;
  const float* key = token + a.q_size() + static_cast<ptrdiff_t>(kv_head) * a.head_size;
  const KernelTable& kernels = Kernels();
  for (int t = 0; t < num_tokens; ++t, key += width) {
    char* block = blocks + t / kKeyBlock * block_bytes;
    kernels.store_kv({.element = kv_element_,
                      .head_size = a.head_size,
                      .position = t,
                      .key = key,
                      .value = key + a.kv_size(),
                      .keys = block,
                      .values = block + key_bytes});
  }
  const ptrdiff_t column = static_cast<ptrdiff_t>(head) * a.head_size;
  AttentionArgs args = {
      .q = token + column,
      .q_stride = width,
      .num_queries = num_tokens,
      .head_size = a.head_size,
      .scale = a.attention[layer].scale,
      .soft_cap = a.attention_soft_cap,
      .element = kv_element_,
      .keys = blocks,
      .key_block_stride = block_bytes,
      .values = blocks + key_bytes,
      .value_block_stride = block_bytes,
      .value_row_stride = ptrdiff_t{4} * PaddedHeadSize(a.head_size),
      .num_keys = num_tokens,
      .scratch = scratch_[thread].Get(AttentionScratchSize(a.head_size, num_tokens)),
      .out = out + static_cast<ptrdiff_t>(first_token) * a.q_size() + column,
      .out_stride = a.q_size()};
  if (const int window = a.attention[layer].window; window > 0 && window < num_tokens) {
    // The first token sees so many, and each further one a key more, at both ends.
    args.num_keys = window;
    args.causal = true;
    args.most_keys = num_tokens;
    args.window = 2 * window - 1;
  }
  kernels.attention(args);
}

}  // namespace chorus::runner
