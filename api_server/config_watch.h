#pragma once

// Decides when to reload configuration files that are polled.
//
// It compares contents, so it does not matter how a file is replaced (written in place, renamed
// over, or by a symbolic link as in a Kubernetes ConfigMap) nor on what file system. A change is
// taken when it has been seen twice, so that half-written or mixed states are skipped. A poll that
// could not read is skipped too; a reload asked for at it is done at the next.
//
// Thread safety: none.

#include <utility>

#include "api_server/config.h"

namespace chorus::gateway {

class ConfigWatch {
 public:
  // `taken` are the files the server was started with.
  explicit ConfigWatch(ConfigFiles taken) : taken_(taken), last_(std::move(taken)) {}

  // True if the contents `now` are to be taken; they then count as taken, valid or not. `asked`:
  // take them at once.
  //
  // Example: taken A; seen A, B, B, B, C, B, A, A. True for the second B and the last A.
  bool See(ConfigFiles now, bool asked) {
    asked_ |= asked;
    if (!now.seen()) return false;
    const bool is_settled = now == last_;
    last_ = std::move(now);
    if (!std::exchange(asked_, false) && (!is_settled || last_ == taken_)) return false;
    taken_ = last_;
    return true;
  }

 private:
  ConfigFiles taken_;
  ConfigFiles last_;    // Seen.
  bool asked_ = false;  // And not yet done.
};

}  // namespace chorus::gateway
