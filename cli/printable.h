#pragma once

// Thread safety: free functions without state.

#include <string>
#include <string_view>

namespace chorus {

// What a terminal can show of `text`, which may be of a server or a file: a space for each control
// character that is no newline, so that none commands it, and U+FFFD for what is not UTF-8.
std::string Printable(std::string_view text);

}  // namespace chorus
