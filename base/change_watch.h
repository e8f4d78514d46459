#pragma once

// Decides when what is polled, such as the contents of files, has become another.
//
// It compares what is seen, so it does not matter how a file is replaced (written in place, renamed
// over, or by a symbolic link as in a Kubernetes ConfigMap) nor on what file system. A change is
// taken when it has been seen twice, so that half-written or mixed states are skipped. A poll that
// could not look is skipped too; what was asked for at it is done at the next.
//
// Thread safety: none.

#include <optional>
#include <utility>

namespace chorus {

template <typename State>  // Can be compared.
class ChangeWatch {
 public:
  // `taken` is what was started with.
  explicit ChangeWatch(State taken) : taken_(taken), last_(std::move(taken)) {}

  // True if the state `now` is to be taken; it then counts as taken, whether it is of use or not.
  // Unset: could not look. `asked`: take it at once.
  //
  // Example: taken A; seen A, B, B, B, C, B, A, A. True for the second B and the last A.
  bool See(std::optional<State> now, bool asked) {
    asked_ |= asked;
    if (!now.has_value()) return false;
    const bool is_settled = *now == last_;
    last_ = *std::move(now);
    if (!std::exchange(asked_, false) && (!is_settled || last_ == taken_)) return false;
    taken_ = last_;
    return true;
  }

 private:
  State taken_;
  State last_;          // Seen.
  bool asked_ = false;  // And not yet done.
};

}  // namespace chorus
