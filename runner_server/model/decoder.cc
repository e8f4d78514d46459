#include "runner_server/model/decoder.h"

#include <algorithm>

#include "base/status_macros.h"
#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {

absl::StatusOr<std::unique_ptr<Decoder>> Decoder::Create(std::unique_ptr<Transformer> transformer,
                                                         int num_kv_slots, int64_t max_kv_bytes) {
  const Architecture& architecture = transformer->architecture();
  ASSIGN_OR_RETURN(KvCache cache, KvCache::Create({.num_slots = num_kv_slots,
                                                   .num_layers = architecture.num_layers,
                                                   .num_heads = architecture.num_kv_heads,
                                                   .head_size = architecture.head_size,
                                                   .context_size = architecture.context_size,
                                                   .element = KvElementOf(transformer->precision()),
                                                   .max_bytes = max_kv_bytes}));
  return std::unique_ptr<Decoder>(
      new Decoder(std::move(transformer), std::move(cache), num_kv_slots));
}

LanguageModel::Output Decoder::Run(std::span<const Row> rows, absl::FunctionRef<void()> meanwhile) {
  tokens_.clear();
  first_tokens_.clear();
  wanted_tokens_.clear();
  for (const Row& row : rows) {
    int position = row.start + architecture().first_position;
    first_tokens_.push_back(static_cast<int>(tokens_.size()));
    for (const int32_t id : row.tokens) tokens_.push_back({id, position++});
    const int end = static_cast<int>(tokens_.size());
    for (int i = row.wants_all_logits ? first_tokens_.back() : end - row.wants_logits; i < end;) {
      wanted_tokens_.push_back(i++);
    }
    cache_.Reserve(row.slot, row.start + static_cast<int>(row.tokens.size()));
  }
  transformer_->Run(
      tokens_, [&](int layer, const float* qkv, float* out) { Attend(rows, layer, qkv, out); });
  meanwhile();
  return {.logits = transformer_->Logits(wanted_tokens_)};
}

void Decoder::CopyPrefix(int from_slot, int to_slot, int num_tokens) {
  cache_.Reserve(to_slot, num_tokens);
  pool().Run(architecture().num_layers, [&](int, int begin, int end) {
    for (int layer = begin; layer < end; ++layer) {
      cache_.CopyPrefix(from_slot, to_slot, layer, num_tokens);
    }
  });
}

// Heads come outermost, so that an even share of the items is an even share of the work, whatever
// the rows' lengths. Where nobody else reads what an item stores, it goes on to attend.
void Decoder::Attend(std::span<const Row> rows, int layer, const float* qkv, float* out) {
  const int num_rows = static_cast<int>(rows.size());
  const int num_kv_heads = architecture().num_kv_heads;
  const int sharing = architecture().num_heads / num_kv_heads;  // Heads that read the same keys.
  const int num_parts = (sharing + kMaxQueryTile - 1) / kMaxQueryTile;
  const bool decodes =
      std::all_of(rows.begin(), rows.end(), [](const Row& row) { return row.tokens.size() == 1; });
  const bool in_one = sharing == 1 || (decodes && num_parts == 1);
  pool().Run(num_rows * num_kv_heads, [&](int thread, int begin, int end) {
    for (int item = begin; item < end; ++item) {
      const int row = item % num_rows, kv_head = item / num_rows;
      StoreHead(rows[row], first_tokens_[row], layer, kv_head, qkv);
      if (!in_one) continue;
      AttendHeads(rows[row], first_tokens_[row], layer, kv_head * sharing, sharing, thread, qkv,
                  out);
    }
  });
  if (in_one) return;
  pool().Run(num_rows * num_kv_heads * num_parts, [&](int thread, int begin, int end) {
    for (int item = begin; item < end; ++item) {
      const int row = item % num_rows, part = item / num_rows % num_parts;
      const int first = part * kMaxQueryTile;  // Of the heads that share.
      AttendHeads(rows[row], first_tokens_[row], layer,
                  item / num_rows / num_parts * sharing + first,
                  std::min(kMaxQueryTile, sharing - first), thread, qkv, out);
    }
  });
}

void Decoder::StoreHead(const Row& row, int first_token, int layer, int kv_head,
                        const float* qkv) const {
  const Architecture& a = architecture();
  const float* key = qkv + static_cast<ptrdiff_t>(first_token) * a.qkv_size() + a.q_size() +
                     static_cast<ptrdiff_t>(kv_head) * a.head_size;
  for (size_t t = 0; t < row.tokens.size(); ++t, key += a.qkv_size()) {
    cache_.Store(row.slot, layer, kv_head, row.start + static_cast<int>(t), key, key + a.kv_size());
  }
}

void Decoder::AttendHeads(const Row& row, int first_token, int layer, int first_head, int num_heads,
                          int thread, const float* qkv, float* out) {
  const Architecture& a = architecture();
  const LayerAttention& attention = a.attention[layer];
  const int num_tokens = static_cast<int>(row.tokens.size());
  const ptrdiff_t column = static_cast<ptrdiff_t>(first_head) * a.head_size;
  AttentionArgs args = {
      .q = qkv + static_cast<ptrdiff_t>(first_token) * a.qkv_size() + column,
      .q_stride = a.qkv_size(),
      .num_queries = num_tokens,
      .head_size = a.head_size,
      .scale = attention.scale,
      .soft_cap = a.attention_soft_cap,
      .num_keys = row.start + 1,
      .causal = true,
      .window = attention.window,
      .scratch = scratch_[thread].Get(AttentionScratchSize(a.head_size, row.start + num_tokens)),
      .out = out + static_cast<ptrdiff_t>(first_token) * a.q_size() + column,
      .out_stride = a.q_size()};
  cache_.Bind(row.slot, layer, first_head / (a.num_heads / a.num_kv_heads), args);
  if (num_tokens == 1) {  // The heads' queries see the same keys: they are one call.
    args.q_stride = args.out_stride = a.head_size;
    args.num_queries = num_heads;
    args.causal = false;
    return Kernels().attention(args);
  }
  for (int head = 0; head < num_heads; ++head) {
    Kernels().attention(args);
    args.q += a.head_size;
    args.out += a.head_size;
  }
}

}  // namespace chorus::runner
