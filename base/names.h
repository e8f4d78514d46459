#pragma once

// The names that users give: to graphs, their nodes and runners, to models, versions and bundles.
//
// Thread safety: free functions without state.

#include <string_view>

namespace chorus {

// The rules, as messages write them.
inline constexpr char kNameRule[] = "[A-Za-z0-9._-]{1,64}, not dots alone";
inline constexpr char kFileNameRule[] = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}";

// Also a segment of a path, where "." and ".." are others.
bool IsName(std::string_view text);

// Of what becomes a file or a word of a command: a name that is not hidden, "..", or a flag.
bool IsFileName(std::string_view text);

// Whether `text` has no characters but a name's and `others`.
bool HasNameCharacters(std::string_view text, std::string_view others = "");

}  // namespace chorus
