#pragma once

// What a terminal can show of texts that may be of a server or a file, so that none commands it.
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>

namespace chorus {

// Whether `text` is UTF-8 without control characters: those of ASCII, DEL and the C1 set.
bool IsPrintable(std::string_view text);

// `text` with a space for each control character that is no newline, and U+FFFD for what is not
// UTF-8.
std::string Printable(std::string_view text);

// The same with a space for each newline, too. IsPrintable.
std::string PrintableLine(std::string_view text);

}  // namespace chorus
