#pragma once

// A file of calls: a JSON object a line, such as {"at": 1.25, "text": "Once", "output_tokens": 20}.
//
// Thread safety: a free function without state.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace chorus::bench {

struct CallFileEntry {
  absl::Duration at;  // From the load's beginning; in seconds in the file.
  std::optional<std::string> text;
  std::optional<uint32_t> prompt_tokens;  // Instead of a text.
  std::optional<uint32_t> output_tokens;
};

// The entries, at least one. As a trace each must have "at", none before the one above; else none
// has it. INVALID_ARGUMENT names file, line and key, and does not quote texts.
absl::StatusOr<std::vector<CallFileEntry>> ReadCallFile(const std::string& path, bool is_trace);

// Those of a file's bytes, likewise.
absl::StatusOr<std::vector<CallFileEntry>> ParseCallFile(std::string_view bytes,
                                                         const std::string& path, bool is_trace);

}  // namespace chorus::bench
