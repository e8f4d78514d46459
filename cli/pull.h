#pragma once

// `chorus models pull`: a model of a Hugging Face hub into the store.

#include <map>
#include <string>

#include "absl/status/statusor.h"

namespace chorus {

struct PullModelOptions {
  std::string tag;
  std::string from;      // "ORG/NAME[@REVISION]"; empty for the tutorial's model of that name.
  std::string endpoint;  // Empty: what the environment says.
  std::map<std::string, std::string> sha256_pins;  // By file name.
  std::string chorus_version;                      // Of this program.
};

// Tells its progress on stderr, and on stdout what is there now. The exit status: 0, or 128 + N
// once ended by signal N, which leaves the store as it was.
absl::StatusOr<int> PullModel(const PullModelOptions& options);

}  // namespace chorus
