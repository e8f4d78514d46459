#pragma once

// What a pickle of torch's may name, and what comes of a call of it. Nothing is called: a tensor is
// described.
//
// Thread safety: functions without state.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/weights/pickle.h"

namespace chorus::runner {

// Nothing unless the table has it.
std::optional<PickleGlobal> FindPickleGlobal(std::string_view module, std::string_view name);

// What a persistent id stands for: a storage. INVALID_ARGUMENT if it is of no known form.
absl::StatusOr<PickleValue> PersistentValue(const Pickle& pickle, PickleId id);

// `function` of `arguments`, two values of the pickle. INVALID_ARGUMENT says how they do not fit.
absl::StatusOr<PickleValue> CallResult(const Pickle& pickle, PickleId function, PickleId arguments);

// The shape or strides of a tensor: a tuple of at most 16 numbers, none of them negative; nothing
// if it is not that.
std::optional<std::vector<uint64_t>> PickledExtents(const Pickle& pickle, PickleId id);

}  // namespace chorus::runner
