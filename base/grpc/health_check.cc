#include "base/grpc/health_check.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/grpc/connection.h"
#include "base/host_port.h"
#include "base/status_macros.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"

namespace chorus {

using grpc::health::v1::HealthCheckResponse;

absl::Status CheckHealth(const std::string& address, absl::Duration timeout) {
  if (!address.starts_with("unix:/")) RETURN_IF_ERROR(HostPort::Check("--check_health", address));
  const auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                                 DirectChannelArguments());
  const auto stub = grpc::health::v1::Health::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  HealthCheckResponse response;
  const grpc::Status status = stub->Check(&context, {}, &response);
  if (!status.ok()) {
    return absl::UnavailableError(
        absl::StrCat("no answer from ", address, ": ", status.error_message()));
  }
  if (response.status() != HealthCheckResponse::SERVING) {
    return absl::UnavailableError(
        absl::StrCat(address, " is ", HealthCheckResponse::ServingStatus_Name(response.status())));
  }
  return absl::OkStatus();
}

}  // namespace chorus
