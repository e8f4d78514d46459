#pragma once

// What the gateway serves to people: the web page at /, the API reference at /docs, and the OpenAPI
// document they read at /docs.json (alias /openapi.json).

#include <string_view>

#include "absl/status/statusor.h"
#include "api_server/front/own_routes.h"

namespace chorus {

// `version` is Chorus's own, "0.1.0". INTERNAL when no OpenAPI document can be made of the protos
// that were built in.
absl::StatusOr<OwnRoutes> MakePages(std::string_view version);

}  // namespace chorus
