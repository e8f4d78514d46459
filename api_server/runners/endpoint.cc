#include "api_server/runners/endpoint.h"

#include <glog/logging.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>

namespace chorus {
namespace {

grpc::ChannelArguments ChannelArgs(int max_message_bytes) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // Whether to try again is the gateway's to decide.
  // A runner that returns is found within a second; gRPC's own backoff grows to two minutes.
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);  // Also how long one attempt may take.
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // A stopped process keeps its TCP connections: only an unanswered ping tells.
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 2000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 2000);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // No bound.
  // Each channel is its own connection, with its own backoff.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetMaxReceiveMessageSize(max_message_bytes);
  args.SetMaxSendMessageSize(max_message_bytes);
  return args;
}

}  // namespace

Endpoint::Endpoint(Options options)
    : options_(std::move(options)),
      channel_(grpc::CreateCustomChannel(options_.address, grpc::InsecureChannelCredentials(),
                                         ChannelArgs(options_.max_message_bytes))),
      stub_(chorus::runner::v1::RunnerService::NewStub(channel_)),
      watch_(channel_, {},
             [this](bool serving, const std::string& detail) { OnHealthChange(serving, detail); }) {
}

void Endpoint::OnHealthChange(bool serving, const std::string& detail) const {
  if (serving) {
    LOG(INFO) << "runner replica is serving runner=" << options_.runner
              << " endpoint=" << options_.address;
  } else {
    LOG(WARNING) << "runner replica is not serving runner=" << options_.runner
                 << " endpoint=" << options_.address << " detail=\"" << detail << "\"";
  }
  if (options_.on_health_change) options_.on_health_change();
}

}  // namespace chorus
