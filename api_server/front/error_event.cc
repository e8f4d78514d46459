#include "api_server/front/error_event.h"

#include <optional>
#include <string>

#include "api_server/front/rpc_status.h"
#include "api_server/graph/graph_run.h"
#include "api_server/transcoding/http_status.h"

namespace chorus {

v1::ErrorEvent ToErrorEvent(const absl::Status& error, std::string_view request_id) {
  const absl::Status status = ToPublicStatus(error, request_id);
  v1::ErrorEvent event;
  event.set_code(HttpStatus(status));
  event.set_status(absl::StatusCodeToString(status.code()));
  event.set_message(std::string(status.message()));
  event.set_retryable(absl::IsUnavailable(status) || absl::IsResourceExhausted(status));
  if (const std::optional<FailedNode> node = FailedNodeOf(error)) {
    event.set_branch(node->name);
    event.set_stage(node->stage);
  }
  return event;
}

}  // namespace chorus
