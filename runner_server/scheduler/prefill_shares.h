#pragma once

// Divides the prefill tokens of one step among prompts.
//
// Thread safety: a free function without state.

#include <vector>

namespace chorus::runner {

// Tokens for each prompt, given how many each has left (>= 1), oldest first. The oldest come first
// while they can be finished. The first that cannot gets the rest, up to half of which goes to
// younger ones that can be finished: a long prompt runs at half speed at worst, and a short one
// does not wait for all long ones before it. At most one prompt with a share stays unfinished;
// `budget` is used up if possible.
//
// Example: {300, 300, 40, 30}, budget 100: the first gets 60, the third 40, the others none.
std::vector<int> DealPrefill(const std::vector<int>& num_left, int budget);

}  // namespace chorus::runner
