#pragma once

// Thread safety: free functions without state.

#include <string>
#include <string_view>

namespace chorus {

// `text` in double quotes, for an error's message; what is longer than 64 bytes is cut at a
// character and ends in dots.
std::string QuoteForMessage(std::string_view text);

}  // namespace chorus
