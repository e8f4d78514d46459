#pragma once

// Settings shared by all gRPC connections between gateway, runners and command line.
//
// Thread safety: free functions without state.

#include <grpcpp/server_builder.h>
#include <grpcpp/support/channel_arguments.h>

namespace chorus {

// Largest message between gateway and runner, in either direction.
inline constexpr int kMaxRunnerMessageBytes = 16 << 20;

// Base arguments for a channel to one of our own servers. It bypasses http_proxy and grpc_proxy.
grpc::ChannelArguments DirectChannelArguments();

// Calls with compressed messages get UNIMPLEMENTED before anything is inflated: gRPC would inflate
// the whole message, perhaps a thousandfold, before it checks the size.
void RefuseCompressedMessages(grpc::ServerBuilder& builder);

}  // namespace chorus
