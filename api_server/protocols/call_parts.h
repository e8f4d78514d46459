#pragma once

// Several calls of the service that make one.
//
// Thread safety: free functions.

#include <stop_token>

#include "api_server/front/call.h"

namespace chorus::gateway {

// `call` for one of several calls that make it: with usage of its own.
Call PartOf(const Call& call, std::stop_token stop);

// Adds what a part that has ended has used, and why, to the whole.
void AddNotes(const ReplyNotes& part, ReplyNotes& whole);

}  // namespace chorus::gateway
