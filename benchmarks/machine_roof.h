#pragma once

// What this machine can do at most, measured: the roofs that kernels are held against.

#include "runner_server/kernels/precision.h"
#include "runner_server/kernels/thread_pool.h"

namespace chorus::runner {

// Bytes a second that the pool's threads read together from memory, straight through, each its own
// part of a region far larger than the caches.
double ReadBandwidth(ThreadPool& pool);

// Additions and multiplications a second of the pool's threads together, by the instructions that
// the chosen kernels have for that precision, operands in registers. In int8 without VNNI they are
// three, that make exact sums of 8-bit products.
double PeakOperations(Precision precision, ThreadPool& pool);

}  // namespace chorus::runner
