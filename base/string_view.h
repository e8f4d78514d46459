#pragma once

// Conversions between std::string_view, which our headers use, and absl::string_view, which is a
// distinct type in Debian's Abseil.

#include <string_view>

#include "absl/strings/string_view.h"

namespace chorus {

inline absl::string_view AbslView(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view StdView(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace chorus
