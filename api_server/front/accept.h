#pragma once

// Content negotiation (RFC 9110, section 12.5.1), as far as a server with one type to offer needs.
//
// Thread safety: pure.

#include <string_view>

namespace chorus {

// Whether a client that sent `accept` takes `type` ("application/json"): the most specific of the
// ranges that match decides, unless its q is 0. Parameters other than q do not matter. An empty
// `accept` takes all; a range that makes no sense matches nothing.
bool Accepts(std::string_view accept, std::string_view type);

}  // namespace chorus
