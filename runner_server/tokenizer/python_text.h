#pragma once

// Text as methods of Python's str make it, which sentence-transformers calls before it tokenizes.
// Texts are valid UTF-8.
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>

namespace chorus::runner {

std::string_view PythonStrip(std::string_view text);  // str.strip()

// str.lower(): a sigma at the end of a word has a lower case of its own.
std::string PythonLower(std::string_view text);

}  // namespace chorus::runner
