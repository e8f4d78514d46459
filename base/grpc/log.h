#pragma once

// Sends gRPC's log to ours, rate-limited: a repeated message, such as one for each malformed call,
// is logged once in ten seconds with the number of repetitions left out.
//
// Thread safety: a free function; call it before gRPC is used.

namespace chorus {

// Does nothing with gRPC 1.66 or newer, which logs through Abseil.
void LogGrpcSparingly();

}  // namespace chorus
