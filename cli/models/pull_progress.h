#pragma once

// Shows the progress of a pull: on a terminal a counting line for each file, elsewhere a few whole
// lines.
//
// Thread safety: none.

#include <functional>
#include <ostream>
#include <string>

#include "absl/time/time.h"
#include "model_store/hub/pull_observer.h"

namespace chorus {

class PullProgress : public store::PullObserver {
 public:
  // `now` is a monotonic clock. `out` must outlive this.
  PullProgress(std::ostream& out, bool terminal, std::function<absl::Duration()> now);
  ~PullProgress() override;  // Ends a line that was begun.

  void OnWait() override;
  void OnNoLocks(std::string_view error) override;
  void OnFile(std::string_view name, int64_t size_bytes, int64_t done_bytes) override;
  void OnBytes(int64_t done_bytes) override;
  void OnFileDone() override;
  void OnRetry(std::string_view error, absl::Duration delay) override;

 private:
  std::string Speed() const;
  void Line(const std::string& text);
  void Count();

  std::ostream& out_;
  const bool terminal_;
  const std::function<absl::Duration()> now_;

  // Of the file that is being fetched.
  std::string name_;
  int64_t size_bytes_ = 0;
  int64_t done_bytes_ = 0;
  int64_t fetched_bytes_ = 0;
  absl::Duration begun_;
  absl::Duration last_shown_;
  bool counting_ = false;  // The terminal's cursor is in a line that counts up.
};

}  // namespace chorus
