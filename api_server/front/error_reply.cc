#include "api_server/front/error_reply.h"

#include "absl/strings/str_cat.h"
#include "api_server/front/http_status.h"
#include "api_server/front/rpc_status.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/wrappers.pb.h"

namespace chorus {
namespace {

// A detail of a type that this binary does not know is left out (empty).
std::string ToJson(const google::protobuf::Message& message) {
  std::string json;
  return google::protobuf::util::MessageToJsonString(message, &json).ok() ? json : std::string();
}

std::string Quote(const std::string& text) {
  google::protobuf::StringValue value;
  value.set_value(text);
  return ToJson(value);
}

}  // namespace

HttpReply MakeErrorReply(const absl::Status& error) {
  const google::rpc::Status status = ToRpcStatus(error);
  HttpReply reply{.status = HttpCodeOf(error), .content_type = "application/json"};
  reply.body = absl::StrCat("{\"error\":{\"code\":", reply.status, ",\"status\":\"",
                            absl::StatusCodeToString(error.code()),
                            "\",\"message\":", Quote(status.message()));
  std::string details;
  for (const auto& detail : status.details()) {
    const std::string json = ToJson(detail);
    if (!json.empty()) absl::StrAppend(&details, details.empty() ? "" : ",", json);
  }
  if (!details.empty()) absl::StrAppend(&reply.body, ",\"details\":[", details, "]");
  reply.body += "}}\n";
  if (reply.status == 429 || reply.status == 503) {
    reply.fields.push_back({"Retry-After", absl::StrCat(absl::ToInt64Seconds(kRetryDelay))});
  }
  return reply;
}

}  // namespace chorus
