#include "api_server/grpc_options.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "absl/time/time.h"

namespace chorus::gateway {
namespace {

int ToMilliseconds(absl::Duration duration) {
  return static_cast<int>(
      std::min<int64_t>(absl::ToInt64Milliseconds(duration), std::numeric_limits<int>::max()));
}

// Linking gRPC's reflection plugin adds it to every server of the process, so it is removed where
// it is not wanted.
class ReflectionOption final : public grpc::ServerBuilderOption {
 public:
  explicit ReflectionOption(bool wanted) : wanted_(wanted) {}

  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    auto wanted = std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>();
    std::erase_if(*plugins, [&](const auto& plugin) { return plugin->name() == wanted->name(); });
    if (wanted_) plugins->push_back(std::move(wanted));
  }

 private:
  const bool wanted_;
};

}  // namespace

void SetConnections(const GrpcConnections& options, grpc::ServerBuilder& builder) {
  const auto set = [&](const char* argument, absl::Duration duration) {
    if (duration > absl::ZeroDuration()) {
      builder.AddChannelArgument(argument, std::max(ToMilliseconds(duration), 1));
    }
  };
  set(GRPC_ARG_MAX_CONNECTION_AGE_MS, options.max_age);
  set(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, options.max_age_grace);
  // gRPC's default is two hours.
  const bool pings = options.keepalive_time > absl::ZeroDuration();
  set(GRPC_ARG_KEEPALIVE_TIME_MS, pings ? options.keepalive_time : absl::InfiniteDuration());
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, options.keepalive_timeout);
  if (options.max_concurrent_streams > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams);
  }
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1'000);
}

void SetReflection(bool wanted, grpc::ServerBuilder& builder) {
  builder.SetOption(std::make_unique<ReflectionOption>(wanted));
}

}  // namespace chorus::gateway
