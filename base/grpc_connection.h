#pragma once

// What the connections between gateway, runners and the command line have alike.
//
// Thread safety: free functions without state.

#include <grpcpp/server_builder.h>
#include <grpcpp/support/channel_arguments.h>

namespace chorus {

// What a runner takes in one message, and the gateway of a runner.
inline constexpr int kMaxRunnerMessageBytes = 16 << 20;

// To begin the arguments of a channel to one of our own servers with: it never goes through the
// proxy that http_proxy or grpc_proxy name, which knows nothing of them.
grpc::ChannelArguments DirectChannelArguments();

// Calls whose messages are compressed get UNIMPLEMENTED before a byte is inflated: gRPC would
// inflate a message whole, a thousandfold perhaps, before it looks at its size.
void RefuseCompressedMessages(grpc::ServerBuilder& builder);

}  // namespace chorus
