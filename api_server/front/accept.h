#pragma once

// Content negotiation (RFC 9110, section 12.5.1) for a server that offers one type.
//
// Thread safety: pure.

#include <string_view>

namespace chorus {

// Whether `accept` admits `type` ("application/json"): the most specific matching range decides, by
// q > 0. Other parameters are ignored. An empty `accept` admits everything; a malformed range
// matches nothing.
bool Accepts(std::string_view accept, std::string_view type);

}  // namespace chorus
