#pragma once

// The error of a model whose logits are not finite. It is the only INTERNAL error whose message
// clients see: the fault is the model's and tells nothing about the server. The gateway recognises
// it by its message, because status details do not cross from runner to gateway.
//
// Thread safety: free functions without state.

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace chorus {

inline constexpr absl::string_view kNotFiniteMessage =
    "the model computed a logit that is not finite (NaN or an overflow), so it has no answer";

// `place` is a prefix, such as "texts[3]: ".
inline absl::Status NotFiniteError(absl::string_view place = "") {
  return absl::InternalError(absl::StrCat(place, kNotFiniteMessage));
}

// With any prefix.
inline bool IsNotFiniteError(const absl::Status& status) {
  return absl::IsInternal(status) && absl::EndsWith(status.message(), kNotFiniteMessage);
}

}  // namespace chorus
