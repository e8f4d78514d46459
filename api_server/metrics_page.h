#pragma once

// Merges metrics pages.
//
// Thread safety: a free function without state.

#include <string>
#include <string_view>
#include <vector>

#include "api_server/runners/runner_pages.h"

namespace chorus::gateway {

// `own` with the families of `pages`, in Prometheus' text format. Families of one name are merged,
// as the format requires. Samples of `pages` get the label `replica`, which `own` has not, so that
// no two are equal.
//
// Example: "x{model=\"a\"} 1" of runner a's first replica -> "x{replica=\"0\",model=\"a\"} 1".
std::string MergeMetricsPages(std::string_view own, const std::vector<RunnerPages::Page>& pages);

}  // namespace chorus::gateway
