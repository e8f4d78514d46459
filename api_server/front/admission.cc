#include "api_server/front/admission.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace chorus::gateway {

absl::StatusOr<Admission::Permit> Admission::TryAcquire(bool is_low) {
  if (closed_) return absl::UnavailableError("the server is draining; call another one");
  const size_t all = max_in_progress_;
  const size_t max_in_progress = is_low ? (3 * all + 3) / 4 : all;
  if (num_in_progress_.fetch_add(1) >= max_in_progress) {
    --num_in_progress_;
    return absl::ResourceExhaustedError(
        absl::StrCat("the server has as many calls in progress as it takes",
                     is_low ? " of low priority" : "", "; retry later: ", max_in_progress));
  }
  return Permit(this);
}

}  // namespace chorus::gateway
