#pragma once

// Thread safety: a free function without state.

#include <stop_token>

#include "absl/time/time.h"

namespace chorus {

// Waits for `delay` or until a stop is requested. True unless stopped.
bool InterruptibleWait(absl::Duration delay, const std::stop_token& stop);

}  // namespace chorus
