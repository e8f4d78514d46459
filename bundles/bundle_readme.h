#pragma once

// The README.md of a bundle.
//
// Pure. Thread safety: free function without state.

#include <string>

#include "bundles/bundle.h"

namespace chorus {

// Describes the bundle, its models, and how to call, serve and containerize it. `graph` is the
// graph's name in the API.
std::string FormatReadme(const config::v1::Bundle& bundle, const std::string& graph);

}  // namespace chorus
