#pragma once

// Labels of models and bundles: for people and programs, such as team=nlp.
//
// Thread safety: free functions without state.

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace chorus::store {

// INVALID_ARGUMENT unless the key matches [A-Za-z0-9][A-Za-z0-9._/-]{0,62}; and also unless the
// value is UTF-8 of at most 1024 bytes without control characters.
absl::Status CheckLabelKey(std::string_view key);
absl::Status CheckLabel(std::string_view key, std::string_view value);

// Carries out "KEY=VALUE", which sets a label, or "KEY-", which removes one that is there.
// INVALID_ARGUMENT if it is neither; NOT_FOUND names the labels there are.
absl::Status ChangeLabel(std::string_view change, std::map<std::string, std::string>& labels);

}  // namespace chorus::store
