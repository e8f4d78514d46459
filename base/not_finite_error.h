#pragma once

// The error of a model whose numbers are not finite. Of all INTERNAL errors it alone is told to
// clients in its own words: the fault is the model's, and says nothing of the server. A status'
// details do not cross from a runner to the gateway, so the words are how it is known.
//
// Thread safety: free functions without state.

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace chorus {

inline constexpr absl::string_view kNotFiniteMessage =
    "the model computed a logit that is not finite (NaN or an overflow), so it has no answer";

// `place` goes in front: "texts[3]: ", or nothing.
inline absl::Status NotFiniteError(absl::string_view place = "") {
  return absl::InternalError(absl::StrCat(place, kNotFiniteMessage));
}

// Whatever has been put in front of it on the way.
inline bool IsNotFiniteError(const absl::Status& status) {
  return absl::IsInternal(status) && absl::EndsWith(status.message(), kNotFiniteMessage);
}

}  // namespace chorus
