#pragma once

// Debian's Abseil has a string_view of its own, which a std::string_view does not convert to. Our
// headers use the standard one and convert here, where text meets Abseil.

#include <string_view>

#include "absl/strings/string_view.h"

namespace chorus {

inline absl::string_view AbslView(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view StdView(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace chorus
