#pragma once

// gRPC's own log, as lines of ours: what it says over and over, such as of each call that a client
// gets wrong, comes once in ten seconds, with the number of times that it was left out.
//
// Thread safety: a free function; call it before gRPC is used.

namespace chorus {

// Does nothing with gRPC 1.66 or newer, which logs through Abseil.
void LogGrpcSparingly();

}  // namespace chorus
