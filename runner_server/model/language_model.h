#pragma once

// A causal language model with a KV cache of fixed slots, one sequence a slot.
//
// Thread safety: none; the engine thread owns it. The implementation may use threads of its own
// inside a call.

#include <cstdint>
#include <limits>
#include <span>

#include "absl/functional/function_ref.h"
#include "runner_server/model/device.h"

namespace chorus::runner {

class LanguageModel {
 public:
  // One sequence's share of a forward pass.
  struct Row {
    int slot;   // KV slot, in [0, num_slots()); each at most once a pass.
    int start;  // Position of tokens[0]: the number of tokens the slot already holds.
    std::span<const int32_t>
        tokens;         // At least 1; start + tokens.size() <= context_size(); ids < vocab_size().
    bool wants_logits;  // For the last token.
    // The logits of each of its tokens, not of the last alone; num_top is then 0.
    bool wants_all_logits = false;
    // If > 0, not all of them but at least so many of the largest with ids below num_ids:
    // see Output. Of a model that cuts_logits() alone.
    int num_top = 0;
    int num_ids = 0;  // At least num_top.
  };

  // The largest logits of a row.
  struct TopLogits {
    std::span<const int32_t> ids;   // Ascending.
    std::span<const float> logits;  // Of these. No other token's is above the least of them.
    float log_sum_exp;              // Of all below num_ids.
    bool is_finite;                 // All of these are.
  };

  struct Output {
    // [tokens whose logits are wanted whole, vocab_size], in the rows' order.
    std::span<const float> logits;
    std::span<const TopLogits> top;  // Of those with num_top > 0, likewise.
    int num_padded_rows = 0;         // Of the shape that the pass was padded to; 0: it was not.
  };

  // What the tokens of a slot cost.
  struct KvMemory {
    int64_t bytes_per_token;
    int block_tokens;  // Memory is committed this many tokens at a time. >= 1.
    int64_t max_tokens = std::numeric_limits<int64_t>::max();  // Of all slots together.
  };

  virtual ~LanguageModel() = default;

  virtual int vocab_size() const = 0;
  virtual int context_size() const = 0;  // Most tokens of one sequence.
  virtual int num_slots() const = 0;
  virtual KvMemory kv_memory() const = 0;

  // Whether a row's logits depend neither on the other rows of a pass nor on how its tokens were
  // split over passes, to the bit.
  virtual bool batch_invariant() const = 0;

  // Number of threads of the following calls, the calling one included: from 1 to the number it was
  // created with, the initial value. Does not affect results.
  virtual void set_num_threads(int num_threads) = 0;

  // Whether passes run on another device than the caller's cores, and the caller had better do
  // something meanwhile.
  virtual bool runs_aside() const { return false; }

  // May be called from any thread.
  virtual DeviceStats device_stats() const { return {}; }

  // Whether rows may ask for their largest logits alone, which cost less to fetch.
  virtual bool cuts_logits() const { return false; }

  // Appends each row's tokens to its slot. Calls `meanwhile` once, while the pass runs if it
  // runs_aside(). What it returns is valid until the next call. Throws std::bad_alloc if there is
  // no memory for the pass, DeviceLost if that is so.
  virtual Output Run(std::span<const Row> rows, absl::FunctionRef<void()> meanwhile) = 0;

  // All logits, below num_ids, of the index-th of the last Output's `top`. Valid until the next
  // call.
  virtual std::span<const float> AllOfTop(int index) { return {}; }

  // Run without company: all logits of the rows that want them.
  std::span<const float> Forward(std::span<const Row> rows) {
    return Run(rows, [] {}).logits;
  }

  // Makes `to_slot` hold exactly the first `num_tokens` tokens of `from_slot`, to the bit as if
  // they had been run there.
  virtual void CopyPrefix(int from_slot, int to_slot, int num_tokens) = 0;

  // Returns memory of `slot` beyond its first `num_kept_tokens` to the system, discarding the
  // tokens there. Otherwise a slot keeps the memory of its longest sequence, since a first touch
  // costs.
  virtual void Release(int slot, int num_kept_tokens) = 0;
};

}  // namespace chorus::runner
