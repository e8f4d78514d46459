#pragma once

// Finds the known name nearest to an unknown one, for hints in error messages.
//
// Thread safety: a free function without state.

#include <string>
#include <string_view>
#include <vector>

namespace chorus {

// The one of `names` nearest to `name`: few edits away, or beginning with it. Ignores case, and `-`
// for `_`. Empty if none is near.
std::string NearName(std::string_view name, const std::vector<std::string>& names);

}  // namespace chorus
