#include "base/error_details.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"
#include "base/utf8.h"
#include "google/rpc/error_details.pb.h"

namespace chorus {
namespace {

constexpr char kTypePrefix[] = "type.googleapis.com/";
constexpr size_t kMaxNameBytes = 256;  // A name may be the client's.

std::string UrlOf(const google::protobuf::Descriptor& type) {
  return absl::StrCat(kTypePrefix, type.full_name());
}

void SetViolation(std::string_view field, std::string_view description, absl::Status& status) {
  google::rpc::BadRequest details;
  auto* violation = details.add_field_violations();
  violation->set_field(ToUtf8(field.substr(0, kMaxNameBytes)));
  violation->set_description(ToUtf8(description));
  SetDetail(details, status);
}

}  // namespace

absl::Status FieldError(std::string_view field, std::string_view problem) {
  absl::Status status =
      absl::InvalidArgumentError(absl::StrCat(AbslView(field), " ", AbslView(problem)));
  SetViolation(field, problem, status);
  return status;
}

absl::Status WithField(absl::Status status, std::string_view field) {
  SetViolation(field, StdView(status.message()), status);
  return status;
}

absl::Status WithoutField(absl::Status status) {
  status.ErasePayload(UrlOf(*google::rpc::BadRequest::descriptor()));
  return status;
}

absl::Status OfPlace(const absl::Status& status, std::string_view place) {
  absl::Status result(status.code(), absl::StrCat(AbslView(place), ": ", status.message()));
  TakeBadRequest(ToRpcStatus(status), result);
  return result;
}

void SetDetail(const google::protobuf::Message& detail, absl::Status& status) {
  status.SetPayload(UrlOf(*detail.GetDescriptor()), absl::Cord(detail.SerializeAsString()));
}

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  std::map<std::string, std::string> details;
  status.ForEachPayload([&](absl::string_view type_url, const absl::Cord& payload) {
    if (absl::StartsWith(type_url, kTypePrefix)) {
      details.emplace(std::string(type_url), std::string(payload));
    }
  });
  google::rpc::Status result;
  result.set_code(static_cast<int>(status.code()));
  result.set_message(std::string(status.message()));
  for (auto& [type_url, value] : details) {
    auto* detail = result.add_details();
    detail->set_type_url(type_url);
    detail->set_value(std::move(value));
  }
  return result;
}

void TakeBadRequest(const google::rpc::Status& sent, absl::Status& status) {
  google::rpc::BadRequest bad_request;
  for (const auto& detail : sent.details()) {
    if (detail.UnpackTo(&bad_request)) SetDetail(bad_request, status);
  }
}

}  // namespace chorus
