#pragma once

// Maps a hub's response to a status whose message says what to do.
//
// Pure. Thread safety: a free function without state.

#include "absl/status/status.h"
#include "model_store/hub/http_client.h"
#include "model_store/hub/http_url.h"
#include "model_store/hub/hub_source.h"

namespace chorus::store {

struct HubQuestion {
  const HttpUrl& hub;
  const HubSource& source;
  bool has_token;
};

// OK for 200 and 206. From the hub itself, not from a server it redirected to: PERMISSION_DENIED
// for a gated model, UNAUTHENTICATED, NOT_FOUND. UNAVAILABLE for transient errors: 408, 429, 5xx.
// FAILED_PRECONDITION for the rest.
absl::Status JudgeResponse(const HttpResponse& response, const HubQuestion& question);

}  // namespace chorus::store
