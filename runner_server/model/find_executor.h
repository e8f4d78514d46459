#pragma once

// The executors by name. That of libtorch is a library of its own, so that nobody else has to have
// it.
//
// Thread safety: a free function without state.

#include <string_view>

#include "absl/status/statusor.h"
#include "runner_server/model/executor.h"

namespace chorus::runner {

// `name` is "native", "torch", or "auto": native on the device "cpu", else torch. Loads
// libchorus_torch.so, from where programs have their libraries, when it is first asked for;
// FAILED_PRECONDITION says why that cannot be, and what to do.
absl::StatusOr<const Executor*> FindExecutor(std::string_view name, std::string_view device);

}  // namespace chorus::runner
