#pragma once

// Deals out the KV slots of a model, by number; the memory behind them is the model's.
//
// Thread safety: none; the engine thread owns it.
// Invariant: a slot is either free or allocated, never both, never dealt twice.

#include <vector>

namespace chorus {

class SlotPool {
 public:
  // Slots are 0 to num_slots - 1; `num_slots` >= 1.
  explicit SlotPool(int num_slots);

  bool CanAllocate() const { return !free_.empty(); }

  // The slot freed last, whose memory is warm; at first, the lowest. Requires CanAllocate().
  int Allocate();

  // `slot` must be allocated.
  void Free(int slot);

  int num_slots() const { return static_cast<int>(allocated_.size()); }
  int num_allocated() const { return num_slots() - static_cast<int>(free_.size()); }

 private:
  std::vector<int> free_;        // The next to deal is last.
  std::vector<bool> allocated_;  // By slot.
};

}  // namespace chorus
