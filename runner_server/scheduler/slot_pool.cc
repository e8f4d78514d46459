#include "runner_server/scheduler/slot_pool.h"

#include <cassert>
#include <numeric>

namespace chorus {

SlotPool::SlotPool(int num_slots) : free_(num_slots), allocated_(num_slots) {
  std::iota(free_.rbegin(), free_.rend(), 0);
}

int SlotPool::Allocate() {
  assert(CanAllocate());
  const int slot = free_.back();
  free_.pop_back();
  allocated_[slot] = true;
  return slot;
}

void SlotPool::Free(int slot) {
  assert(allocated_.at(slot));
  allocated_[slot] = false;
  free_.push_back(slot);
}

}  // namespace chorus
