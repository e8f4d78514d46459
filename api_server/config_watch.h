#pragma once

// Decides when configuration files that are read again and again are to be taken.
//
// It goes by what they say. So it makes no difference how a file was replaced (written in place,
// renamed over, a symbolic link switched as Kubernetes does for a ConfigMap) nor on what file
// system. A change is taken once it has been seen twice: what was read half-written, or with one
// file already new and another still old, is passed over. So is a look that saw nothing, for want
// of a descriptor; what was asked at it is done at the next.
//
// Thread safety: none.

#include <utility>

#include "api_server/config.h"

namespace chorus {

class ConfigWatch {
 public:
  // `taken` are the files the server was started with.
  explicit ConfigWatch(ConfigFiles taken) : taken_(taken), last_(std::move(taken)) {}

  // True if the files, which say `now`, are to be taken; they then count as taken, whether they are
  // right or not. `asked`: somebody wants them taken as they are.
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

}  // namespace chorus
