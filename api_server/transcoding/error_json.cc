#include "api_server/transcoding/error_json.h"

#include "absl/strings/str_cat.h"
#include "api_server/transcoding/http_status.h"
#include "api_server/transcoding/json_writer.h"
#include "api_server/transcoding/message_to_json.h"
#include "base/error_details.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

// One that has no JSON is left out.
std::string DetailsJson(const absl::Status& status) {
  const google::rpc::Status rpc_status = ToRpcStatus(status);
  std::string details;
  for (const auto& detail : rpc_status.details()) {
    std::string json;
    if (!AppendDetailJson(detail, json)) continue;
    absl::StrAppend(&details, details.empty() ? "" : ",", json);
  }
  return details;
}

}  // namespace

std::string ErrorJson(const absl::Status& status) {
  std::string json = absl::StrCat("{\"error\":{\"code\":", HttpStatus(status), ",\"status\":");
  AppendJsonString(absl::StatusCodeToString(status.code()), json);
  json += ",\"message\":";
  AppendJsonString(StdView(status.message()), json);
  absl::StrAppend(&json, ",\"details\":[", DetailsJson(status), "]}}");
  return json;
}

}  // namespace chorus::gateway
