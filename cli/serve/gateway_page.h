#pragma once

// What the gateway's page of metrics (Prometheus' text format) tells of its reloads.
//
// Pure. Thread safety: free functions without state.

#include <cstdint>
#include <filesystem>
#include <string>

namespace chorus {

// How many reloads it counts, of all results.
int64_t NumReloads(const std::string& page);

bool LastReloadSucceeded(const std::string& page);

// Whether it waits for what it was given to serve: for a configuration's runners, or, the
// configuration being taken, for their endpoints.
bool WaitsForRunners(const std::string& page);

// Whether it knows a replica at that unix socket, which takes calls or still has some.
bool HasReplica(const std::string& page, const std::filesystem::path& socket);

}  // namespace chorus
