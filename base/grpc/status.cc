#include "base/grpc/status.h"

#include <string>

#include "base/error_details.h"

namespace chorus {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status details = ToRpcStatus(status);
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
          details.details().empty() ? "" : details.SerializeAsString()};
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status details;
  if (!result.ok() && !status.error_details().empty() &&
      details.ParseFromString(status.error_details())) {
    TakeBadRequest(details, result);
  }
  return result;
}

}  // namespace chorus
