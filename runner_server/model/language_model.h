#pragma once

// A causal language model with a KV cache of fixed slots, one sequence a slot.
//
// Thread safety: none; the engine thread owns it. The implementation may use threads of its own
// inside a call.

#include <cstdint>
#include <span>

namespace chorus {

class LanguageModel {
 public:
  // One sequence's share of a forward pass.
  struct Row {
    int slot;   // KV slot, in [0, num_slots()); each at most once a pass.
    int start;  // Position of tokens[0]: the number of tokens the slot already holds.
    std::span<const int32_t>
        tokens;         // At least 1; start + tokens.size() <= context_size(); ids < vocab_size().
    bool wants_logits;  // Whether the logits after the last token are wanted.
  };

  virtual ~LanguageModel() = default;

  virtual int vocab_size() const = 0;
  virtual int context_size() const = 0;  // Most tokens of one sequence.
  virtual int num_slots() const = 0;

  // Appends each row's tokens to its slot. Returns logits, [rows with wants_logits, vocab_size], in
  // the rows' order, valid until the next call. A row's logits do not depend on the other rows, nor
  // on how its tokens were split over calls, to the bit.
  virtual std::span<const float> Forward(std::span<const Row> rows) = 0;
};

}  // namespace chorus
