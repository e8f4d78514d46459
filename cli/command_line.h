#pragma once

// What the verbs' options share.
//
// Thread safety: free functions without state.

#include <CLI/CLI.hpp>
#include <cerrno>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/statusor.h"

namespace chorus {

// The exit status: the result's, or 1 after writing its error to stderr.
int Report(const absl::StatusOr<int>& result);
int Report(const absl::Status& status);

// What is wrong with `text` as a time of 0 or more; empty if nothing.
std::string MistakeOfTime(const std::string& text);

// The option --native_code.
void AddNativeCode(CLI::App& verb, std::string& native_code);

// `validator` without its text in the help.
inline CLI::Validator Quiet(CLI::Validator validator) { return validator.description(""); }

// One of these words. A near one is named: "must be table, json or path: jsn; did you mean json?".
CLI::Validator OneOf(std::vector<std::string> words);

// A range check that also refuses integers that CLI11 would wrap (negative) or clamp (overflow).
template <typename T>
CLI::Validator Between(T low, T high) {
  const auto check = [low, high, range = CLI::Range(low, high)](const std::string& text) {
    errno = 0;
    const std::string mistake = range(text);
    const bool is_negative = text.find('-') != std::string::npos;
    const bool is_other =
        std::is_integral_v<T> && (errno == ERANGE || (std::is_unsigned_v<T> && is_negative));
    if (!mistake.empty() || !is_other) return mistake;
    return "Value " + text + " not in range " + std::to_string(low) + " to " + std::to_string(high);
  };
  return CLI::Validator(check, "");
}

}  // namespace chorus
