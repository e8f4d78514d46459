#pragma once

// What the verbs' options share.
//
// Thread safety: free functions without state.

#include <CLI/CLI.hpp>

#include "absl/status/statusor.h"

namespace chorus {

// The exit status: the result's, or 1 after its message has been written to stderr.
int Report(const absl::StatusOr<int>& result);
int Report(const absl::Status& status);

// A check that the help does not describe: its option's own text does.
inline CLI::Validator Quiet(CLI::Validator validator) { return validator.description(""); }

template <typename T>
CLI::Validator Between(T low, T high) {
  return Quiet(CLI::Range(low, high));
}

}  // namespace chorus
