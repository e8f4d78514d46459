#pragma once

// Thread safety: a free function without state.

#include <stop_token>

#include "absl/time/time.h"

namespace chorus {

// Waits so long, or until a stop is requested. Whether it was not.
bool InterruptibleWait(absl::Duration delay, const std::stop_token& stop);

}  // namespace chorus
