#include "api_server/transcoding/error_json.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/util/json_util.h>

#include <map>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "api_server/transcoding/http_status.h"
#include "api_server/transcoding/json_writer.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

constexpr absl::string_view kDetailPrefix = "type.googleapis.com/";

// The details in the order of their URLs; one that has no JSON is left out.
std::string DetailsJson(const absl::Status& status) {
  std::map<std::string, std::string> details;
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    if (url.substr(0, kDetailPrefix.size()) != kDetailPrefix) return;
    google::protobuf::Any any;
    any.set_type_url(std::string(url));
    any.set_value(std::string(payload));
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    std::string json;
    if (google::protobuf::util::MessageToJsonString(any, &json, options).ok()) {
      details[any.type_url()] = std::move(json);
    }
  });
  return absl::StrJoin(details, ",",
                       [](std::string* out, const auto& detail) { out->append(detail.second); });
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
