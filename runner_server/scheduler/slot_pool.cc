#include "runner_server/scheduler/slot_pool.h"

#include <cassert>
#include <numeric>
#include <utility>

namespace chorus::runner {
namespace {

// A cap is kept in whole blocks, so that the last block of a sequence counts like any other.
SlotPool::Options InWholeBlocks(SlotPool::Options options) {
  if (options.max_tokens != SlotPool::kNoCap)
    options.max_tokens -= options.max_tokens % options.block_tokens;
  return options;
}

}  // namespace

SlotPool::SlotPool(const Options& options)
    : options_(InWholeBlocks(options)), slots_(options.num_slots), free_(options.num_slots) {
  assert(options_.max_tokens >= options_.block_tokens);
  std::iota(free_.rbegin(), free_.rend(), 0);
}

int SlotPool::Allocate() {
  assert(CanAllocate());
  const int slot = free_.back();
  free_.pop_back();
  slots_[slot].allocated = true;
  return slot;
}

void SlotPool::Free(int slot) {
  assert(slots_.at(slot).allocated);
  slots_[slot].allocated = false;
  num_needed_ -= std::exchange(slots_[slot].needed, 0);
  free_.push_back(slot);
}

bool SlotPool::CanCommit(int64_t num_tokens, int num_spare_blocks) const {
  const int64_t spare = int64_t{num_spare_blocks} * options_.block_tokens;
  return num_needed_ + InBlocks(num_tokens) + spare <= options_.max_tokens;
}

bool SlotPool::TryCommit(int slot, int64_t num_tokens) {
  Slot& taker = slots_[slot];
  assert(taker.allocated);
  const int64_t more_needed = InBlocks(num_tokens) - taker.needed;
  if (more_needed <= 0) return true;
  if (num_needed_ + more_needed > options_.max_tokens) return false;
  taker.needed += more_needed;
  num_needed_ += more_needed;
  const int64_t more_committed = taker.needed - taker.committed;
  if (more_committed <= 0) return true;
  MakeRoom(more_committed);
  taker.committed += more_committed;
  num_committed_ += more_committed;
  return true;
}

void SlotPool::MakeRoom(int64_t num_tokens) {
  const auto fits = [&] { return num_committed_ + num_tokens <= options_.max_tokens; };
  for (const int slot : free_) {
    if (fits()) return;
    ReleaseSurplus(slot);
  }
  for (int slot = 0; slot < num_slots() && !fits(); ++slot) ReleaseSurplus(slot);
}

void SlotPool::ReleaseSurplus(int slot) {
  Slot& giver = slots_[slot];
  if (giver.committed <= giver.needed) return;
  num_committed_ -= giver.committed - giver.needed;
  giver.committed = giver.needed;
  releases_.push_back({slot, giver.needed});
}

std::vector<SlotPool::Release> SlotPool::TakeReleases() { return std::exchange(releases_, {}); }

}  // namespace chorus::runner
