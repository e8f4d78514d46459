#pragma once

// Checks that floats are finite and within a range.
//
// Thread safety: free functions without state.

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace chorus {

// How many of `values` (fewer than 2^32) are outside [-largest, largest] or NaN. Branch-free, so
// that the compiler vectorises it.
inline uint32_t CountBeyond(std::span<const float> values, float largest) {
  uint32_t count = 0;
  for (const float value : values) count += std::abs(value) <= largest ? 0 : 1;
  return count;
}

inline bool AllFinite(std::span<const float> values) {
  return CountBeyond(values, std::numeric_limits<float>::max()) == 0;
}

// The error of a model whose numbers are not finite. Of all INTERNAL errors it alone is told to
// clients in its own words: the fault is the model's, and says nothing of the server. A status'
// details do not cross from a runner to the gateway, so the words are how it is known.
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
