#pragma once

// The executor of Chorus's own kernels, on the CPU.
// Thread safety: a free function without state.

#include "runner_server/model/executor.h"

namespace chorus::runner {

const Executor& NativeExecutor();

}  // namespace chorus::runner
