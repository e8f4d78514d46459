#pragma once

// The OpenAPI document of chorus.v1.InferenceService and the gateway's own routes.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace chorus {

// JSON. INTERNAL when what was built in does not fit together.
absl::StatusOr<std::string> InferenceDocument(std::string_view version);

}  // namespace chorus
