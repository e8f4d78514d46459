#pragma once

// The gateway's fixed paths: probes, metrics, the web page at /, the API reference at /docs, and
// its OpenAPI document at /docs.json (alias /openapi.json).

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "api_server/front/page_handler.h"

namespace chorus::gateway {

struct PageSources {
  // Why the server is not ready, for people; empty if it is. Called for each /readyz, from any
  // thread.
  std::function<std::string()> why_not_ready;
  // Calls `done` once, from any thread, with the text of /metrics.
  std::function<void(absl::AnyInvocable<void(std::string) &&> done)> write_metrics;
};

std::unique_ptr<PageHandler> MakePages(PageSources sources);

// JSON, of this version of Chorus.
std::string_view OpenApiDocument();

}  // namespace chorus::gateway
