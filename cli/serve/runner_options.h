#pragma once

// The options of `chorus serve` that name runners: --model, --dtype, --only and --also.
//
// Thread safety: free functions without state.

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus {

// What is given for runners, by their names.
using ByRunner = std::map<std::string, std::string>;

// INVALID_ARGUMENT unless `name` is one of `runners`; names the near one.
absl::Status CheckRunner(const std::string& flag, const std::string& name,
                         const std::vector<std::string>& runners);

// Splits "RUNNER=VALUE"s, each of a runner of `runners`. What has no runner goes to `for_all`, if
// that is not null.
absl::StatusOr<ByRunner> SplitByRunner(const std::string& flag, const char* example,
                                       const std::vector<std::string>& texts,
                                       const std::vector<std::string>& runners,
                                       std::optional<std::string>* for_all = nullptr);

// Splits the "NAME=MODEL"s of --also. INVALID_ARGUMENT for a name that is no file name, or that is
// one of `runners`, or there twice.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseFurtherModels(
    const std::vector<std::string>& also, const std::vector<std::string>& runners);

// Sets a flag's value, in place of the one it may have.
void SetFlag(const std::string& flag, const std::string& value, std::vector<std::string>& flags);

}  // namespace chorus
