#pragma once

// Allocates the KV slots of a model, by number, and accounts for their memory, in tokens. The model
// owns the memory.
//
// A slot commits memory as its sequence grows and keeps it when the sequence ends, since a first
// touch costs. At the cap, unneeded memory is released: first that of free slots, least recently
// used first, then the surplus of slots in use.
//
// Thread safety: none; used by the engine thread.
// Invariants: (1) a slot is either free or allocated. (2) A slot has committed at least what its
// sequence needs. (3) What is committed in all is at most the cap.

#include <cstdint>
#include <limits>
#include <vector>

namespace chorus::runner {

class SlotPool {
 public:
  static constexpr int64_t kNoCap = std::numeric_limits<int64_t>::max();

  struct Options {
    int num_slots = 1;            // >= 1.
    int64_t max_tokens = kNoCap;  // Cap on the total committed. >= block_tokens.
    int block_tokens = 1;         // Committed at a time. >= 1.
  };
  // Memory to release before the next forward pass.
  struct Release {
    int slot;
    int64_t num_kept_tokens;  // Tokens the slot keeps.
    bool operator==(const Release&) const = default;
  };

  // Slots are 0 to num_slots - 1.
  explicit SlotPool(const Options& options);
  explicit SlotPool(int num_slots) : SlotPool(Options{.num_slots = num_slots}) {}

  bool CanAllocate() const { return !free_.empty(); }

  // The slot freed last, whose memory is warm; initially the lowest. Requires CanAllocate().
  int Allocate();

  // `slot` must be allocated. Its memory stays committed.
  void Free(int slot);

  // Whether one more sequence of `num_tokens` tokens would leave `num_spare_blocks` free under the
  // cap.
  bool CanCommit(int64_t num_tokens, int num_spare_blocks) const;

  // Commits memory for `num_tokens` tokens of an allocated slot. False, and nothing changes, if the
  // cap does not allow it even after releasing all unneeded memory.
  bool TryCommit(int slot, int64_t num_tokens);

  // Releases by TryCommit since the last call, to be carried out in order.
  std::vector<Release> TakeReleases();

  int num_slots() const { return static_cast<int>(slots_.size()); }
  int num_allocated() const { return num_slots() - static_cast<int>(free_.size()); }
  int block_tokens() const { return options_.block_tokens; }
  // Most tokens that a single sequence can have cached.
  int64_t max_tokens() const { return options_.max_tokens; }
  int64_t num_needed_tokens() const { return num_needed_; }        // By allocated slots.
  int64_t num_committed_tokens() const { return num_committed_; }  // By all.

 private:
  struct Slot {
    bool allocated = false;
    int64_t needed = 0;     // Tokens in whole blocks; 0 while free.
    int64_t committed = 0;  // >= needed.
  };

  int64_t InBlocks(int64_t num_tokens) const {
    return (num_tokens + options_.block_tokens - 1) / options_.block_tokens * options_.block_tokens;
  }
  // Releases unneeded memory until `num_tokens` more fit.
  void MakeRoom(int64_t num_tokens);
  void ReleaseSurplus(int slot);

  const Options options_;
  std::vector<Slot> slots_;
  std::vector<int> free_;      // The next to deal is last.
  int64_t num_needed_ = 0;     // The sum over slots_,
  int64_t num_committed_ = 0;  // and this one too.
  std::vector<Release> releases_;
};

}  // namespace chorus::runner
