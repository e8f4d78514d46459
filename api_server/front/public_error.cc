#include "api_server/front/public_error.h"

#include <optional>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api_server/graph/graph_run.h"
#include "api_server/transcoding/http_status.h"
#include "base/finite.h"
#include "base/string_view.h"
#include "base/utf8.h"
#include "glog/logging.h"
#include "google/rpc/error_details.pb.h"

namespace chorus::gateway {
namespace {

constexpr char kTypePrefix[] = "type.googleapis.com/";

// What is not UTF-8 becomes U+FFFD.
std::string ToUtf8(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Utf8Step step = DecodeUtf8(text);
    result += step.valid ? text.substr(0, step.num_bytes) : std::string_view("\xEF\xBF\xBD");
    text.remove_prefix(step.num_bytes);
  }
  return result;
}

void SetDetail(const google::protobuf::Message& detail, absl::Status& status) {
  status.SetPayload(absl::StrCat(kTypePrefix, detail.GetTypeName()),
                    absl::Cord(detail.SerializeAsString()));
}

bool IsOurFault(const absl::Status& status) {
  return absl::IsInternal(status) || absl::IsUnknown(status) || absl::IsDataLoss(status);
}

}  // namespace

absl::Status FieldError(std::string_view field, std::string_view problem) {
  absl::Status status =
      absl::InvalidArgumentError(absl::StrCat(AbslView(field), " ", AbslView(problem)));
  google::rpc::BadRequest details;
  auto* violation = details.add_field_violations();
  violation->set_field(std::string(field));
  violation->set_description(ToUtf8(problem));
  SetDetail(details, status);
  return status;
}

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
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(kRetryDelay));
    SetDetail(retry, result);
  }
  return result;
}

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status result;
  result.set_code(static_cast<int>(status.code()));
  result.set_message(std::string(status.message()));
  status.ForEachPayload([&](absl::string_view type_url, const absl::Cord& payload) {
    if (!absl::StartsWith(type_url, kTypePrefix)) return;
    auto* detail = result.add_details();
    detail->set_type_url(std::string(type_url));
    detail->set_value(std::string(payload));
  });
  return result;
}

HttpReply ToErrorReply(const absl::Status& error, std::string_view request_id,
                       std::string (*to_json)(const absl::Status& error)) {
  const absl::Status status = ToPublicStatus(error, request_id);
  HttpReply reply = {
      .status = HttpStatus(status), .content_type = "application/json", .body = to_json(status)};
  if (reply.status == 429 || reply.status == 503) {
    reply.fields.push_back({"Retry-After", absl::StrCat(absl::ToInt64Seconds(kRetryDelay))});
  }
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
  if (const std::optional<FailedNode> node = FailedNodeOf(error)) {
    event.set_branch(node->name);
    event.set_stage(node->stage);
  }
  return event;
}

}  // namespace chorus::gateway
