#pragma once

// Finds the name that somebody meant who wrote another one: for hints in messages.
//
// Thread safety: a free function without state.

#include <string>
#include <string_view>
#include <vector>

namespace chorus {

// The one of `names` that is likeliest meant by `name`: few edits away, or begun by it. The case of
// letters, and `-` for `_`, do not count. Empty when none is near.
std::string NearName(std::string_view name, const std::vector<std::string>& names);

}  // namespace chorus
