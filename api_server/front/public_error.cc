#include "api_server/front/public_error.h"

#include <optional>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "api_server/graph/graph_run.h"
#include "api_server/transcoding/http_status.h"
#include "base/error_details.h"
#include "base/finite.h"
#include "base/string_view.h"
#include "base/utf8.h"
#include "glog/logging.h"
#include "google/rpc/error_details.pb.h"

namespace chorus::gateway {
namespace {

bool IsOurFault(const absl::Status& status) {
  return absl::IsInternal(status) || absl::IsUnknown(status) || absl::IsDataLoss(status);
}

// The seconds that a RetryInfo tells.
std::optional<int64_t> RetryDelayOf(const absl::Status& status) {
  const google::rpc::Status rpc = ToRpcStatus(status);
  for (const google::protobuf::Any& detail : rpc.details()) {
    google::rpc::RetryInfo retry;
    if (detail.UnpackTo(&retry)) return retry.retry_delay().seconds();
  }
  return std::nullopt;
}

}  // namespace

absl::Status ToPublicStatus(const absl::Status& status, std::string_view request_id) {
  if (IsOurFault(status)) {
    LOG(ERROR) << "request=" << request_id << " failed: " << status.ToString();
    if (!IsNotFiniteError(status)) {
      return absl::Status(status.code(),
                          "internal error; the server's log has it by the request id");
    }
  }
  absl::Status result(status.code(), ToUtf8(StdView(status.message())));
  status.ForEachPayload([&](absl::string_view type_url, const absl::Cord& payload) {
    result.SetPayload(type_url, payload);
  });
  if (absl::IsResourceExhausted(status) || absl::IsUnavailable(status)) {
    if (!RetryDelayOf(result)) {
      google::rpc::RetryInfo retry;
      retry.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(kRetryDelay));
      SetDetail(retry, result);
    }
  }
  return result;
}

HttpReply ToErrorReply(const absl::Status& error, std::string_view request_id,
                       std::string (*to_json)(const absl::Status& error)) {
  const absl::Status status = ToPublicStatus(error, request_id);
  HttpReply reply = {
      .status = HttpStatus(status), .content_type = "application/json", .body = to_json(status)};
  if (reply.status == 429 || reply.status == 503) {
    const int64_t seconds = RetryDelayOf(status).value_or(absl::ToInt64Seconds(kRetryDelay));
    reply.fields.push_back({"Retry-After", absl::StrCat(seconds)});
  }
  if (reply.status == 401) reply.fields.push_back({"WWW-Authenticate", "Bearer"});
  if (reply.status == 405) reply.fields.push_back({"Allow", AllowHeader(status)});
  return reply;
}

v1::ErrorEvent ToErrorEvent(const absl::Status& error, std::string_view request_id) {
  const absl::Status status = ToPublicStatus(error, request_id);
  v1::ErrorEvent event;
  event.set_code(HttpStatus(status));
  event.set_status(absl::StatusCodeToString(status.code()));
  event.set_message(std::string(status.message()));
  event.set_retryable(absl::IsUnavailable(status) || absl::IsResourceExhausted(status));
  *event.mutable_details() = ToRpcStatus(status).details();
  if (const std::optional<FailedNode> node = FailedNodeOf(error)) {
    event.set_branch(node->name);
    event.set_stage(node->stage);
  }
  return event;
}

}  // namespace chorus::gateway
