#pragma once

// Deals out the prefill tokens of one step.
//
// Thread safety: a free function without state.

#include <vector>

namespace chorus::runner {

// Tokens for each prompt, given how many each has left (>= 1), oldest first. The oldest come first,
// as long as they can be finished. The first that cannot gets what is left, of which it gives up to
// half to younger ones that can: so a long prompt runs at half speed at worst, and a short one does
// not wait for all the long ones before it. At most one prompt is left unfinished with a share, and
// all of `budget` is dealt out where there is use for it.
//
// Example: {300, 300, 40, 30}, budget 100: the first gets 60, the third 40, the others none.
std::vector<int> DealPrefill(const std::vector<int>& num_left, int budget);

}  // namespace chorus::runner
