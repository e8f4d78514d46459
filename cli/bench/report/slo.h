#pragma once

// What a call must keep to be worth something: calls that do are the goodput.
//
// Thread safety: a value.

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/bench/load/call.h"

namespace chorus::bench {

struct Slo {
  std::optional<absl::Duration>
      ttft;  // To the first token of any of its texts, from when it was due.
  std::optional<absl::Duration> itl;  // Between the tokens of each text, on average.
  std::optional<absl::Duration> e2e;  // To its end, from when it was due.

  // "ttft=200ms,itl=50ms,e2e=2s", any of them. INVALID_ARGUMENT quotes what is wrong.
  static absl::StatusOr<Slo> Parse(const std::string& text);

  // Whether the call ended well, and kept them.
  bool Met(const CallRecord& record) const;
};

}  // namespace chorus::bench
