#pragma once

// What accompanies one request from the moment it is received, over gRPC and HTTP alike.

#include <stop_token>
#include <string>

#include "absl/time/time.h"

namespace chorus {

struct Call {
  absl::Time deadline = absl::InfiniteFuture();  // Never later than arrival + max_timeout.
  std::stop_token stop;                          // Stopped when the client has left.
  std::string request_id;                        // [A-Za-z0-9._-]{1,128}
};

}  // namespace chorus
