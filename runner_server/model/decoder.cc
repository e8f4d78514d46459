#include "runner_server/model/decoder.h"

#include "base/status_macros.h"
#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {

absl::StatusOr<std::unique_ptr<Decoder>> Decoder::Create(std::unique_ptr<Transformer> transformer,
                                                         int num_kv_slots, int64_t max_kv_bytes) {
  const Architecture& architecture = transformer->architecture();
  ASSIGN_OR_RETURN(KvCache cache, KvCache::Create({.num_slots = num_kv_slots,
                                                   .num_layers = architecture.num_layers,
                                                   .num_heads = architecture.num_heads,
                                                   .head_size = architecture.head_size(),
                                                   .context_size = architecture.context_size,
                                                   .element = KvElementOf(transformer->precision()),
                                                   .max_bytes = max_kv_bytes}));
  return std::unique_ptr<Decoder>(
      new Decoder(std::move(transformer), std::move(cache), num_kv_slots));
}

std::span<const float> Decoder::Forward(std::span<const Row> rows) {
  tokens_.clear();
  first_tokens_.clear();
  wanted_tokens_.clear();
  for (const Row& row : rows) {
    int position = row.start;
    first_tokens_.push_back(static_cast<int>(tokens_.size()));
    for (const int32_t id : row.tokens) tokens_.push_back({id, position++});
    if (row.wants_logits) wanted_tokens_.push_back(static_cast<int>(tokens_.size()) - 1);
    cache_.Reserve(row.slot, position);
  }
  transformer_->Run(
      tokens_, [&](int layer, const float* qkv, float* out) { Attend(rows, layer, qkv, out); });
  return transformer_->Logits(wanted_tokens_);
}

void Decoder::CopyPrefix(int from_slot, int to_slot, int num_tokens) {
  cache_.Reserve(to_slot, num_tokens);
  pool().Run(architecture().num_layers, [&](int, int begin, int end) {
    for (int layer = begin; layer < end; ++layer) {
      cache_.CopyPrefix(from_slot, to_slot, layer, num_tokens);
    }
  });
}

// Every (row, head) writes its keys and values and attends on its own. Heads come outermost, so
// that an even share of the items is an even share of the work, whatever the rows' lengths.
void Decoder::Attend(std::span<const Row> rows, int layer, const float* qkv, float* out) {
  const int num_rows = static_cast<int>(rows.size());
  const ptrdiff_t hidden = architecture().hidden_size;
  const int size = architecture().head_size();
  const KernelTable& kernels = Kernels();
  pool().Run(num_rows * architecture().num_heads, [&](int thread, int begin, int end) {
    for (int item = begin; item < end; ++item) {
      const int head = item / num_rows;
      const Row& row = rows[item % num_rows];
      const ptrdiff_t column = ptrdiff_t{head} * size;  // The head's first.
      const ptrdiff_t first = first_tokens_[item % num_rows];
      const int num_tokens = static_cast<int>(row.tokens.size());
      const float* q = qkv + first * 3 * hidden + column;
      const float* token = q;
      for (int t = 0; t < num_tokens; ++t, token += 3 * hidden) {
        cache_.Store(row.slot, layer, head, row.start + t, token + hidden, token + 2 * hidden);
      }
      AttentionArgs args = {
          .q = q,
          .q_stride = 3 * hidden,
          .num_queries = num_tokens,
          .head_size = size,
          .scale = architecture().attention_scale(),
          .num_keys = row.start + 1,
          .causal = true,
          .scratch = scratch_[thread].Get(AttentionScratchSize(size, row.start + num_tokens)),
          .out = out + first * hidden + column,
          .out_stride = hidden};
      cache_.Bind(row.slot, layer, head, args);
      kernels.attention(args);
    }
  });
}

}  // namespace chorus::runner
