#pragma once

// A message that came from outside has JSON, and is made again by it.

#include <google/protobuf/message.h>

namespace chorus::gateway {

// Aborts when that is not so.
void CheckRoundTrip(const google::protobuf::Message& message);

}  // namespace chorus::gateway
