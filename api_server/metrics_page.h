#pragma once

// One metrics page of several.
//
// Thread safety: a free function without state.

#include <string>
#include <string_view>
#include <vector>

#include "api_server/runners/runner_pages.h"

namespace chorus {

// `own` with the families of `pages`, all in Prometheus' text format. What is of one name comes
// together, as the format demands. Each sample of a runner gets the label `replica`, which no
// sample of `own` has, so that no two are alike.
//
// Example: "x{model=\"a\"} 1" of runner a's first replica -> "x{replica=\"0\",model=\"a\"} 1".
std::string MergeMetricsPages(std::string_view own, const std::vector<RunnerPages::Page>& pages);

}  // namespace chorus
