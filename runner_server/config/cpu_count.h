#pragma once

// How many cores this process may use.
//
// Thread safety: free functions without state.

#include <optional>
#include <string_view>

namespace chorus {

// The cores of the affinity mask, or fewer where the cgroup's CPU quota is less; at least 1.
int AvailableCores();

// The cores a cgroup v2 cpu.max file allows, "QUOTA PERIOD" or "max PERIOD", rounded down but at
// least 1. Nothing if it sets no limit or cannot be understood.
std::optional<int> CoresOfCpuMax(std::string_view cpu_max);

}  // namespace chorus
