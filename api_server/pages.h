#pragma once

// What the gateway answers besides calls: probes, metrics, the web page at /, the API reference at
// /docs, and the OpenAPI document they read at /docs.json (alias /openapi.json).

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "api_server/front/page_handler.h"

namespace chorus {

struct PageSources {
  std::string_view version;  // Chorus's own, "0.1.0".
  // Why the server is not ready, for people; empty when it is. Called for each /readyz, from any
  // thread.
  std::function<std::string()> why_not_ready;
  // Calls `done` once, from any thread, with the text of /metrics.
  std::function<void(absl::AnyInvocable<void(std::string) &&> done)> write_metrics;
};

// INTERNAL when no OpenAPI document can be made of the protos that were built in.
absl::StatusOr<std::unique_ptr<PageHandler>> MakePages(PageSources sources);

}  // namespace chorus
