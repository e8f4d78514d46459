#pragma once

// A gRPC request, or what is wrong with its bytes. gRPC itself answers a request that does not
// parse, or has a string that is not UTF-8, with UNIMPLEMENTED and no message. A handler of
// Received<Request> can return the reason:
//
//   MarkMethodCallback(index, new grpc::internal::CallbackUnaryHandler<Received<Request>,
//   Response>(
//                                 [](auto* context, const Received<Request>* request, auto* reply)
//                                 {
//                                   if (request->fault) ...
//
// Thread safety: free functions, and plain values.

#include <google/protobuf/message.h>
#include <grpcpp/impl/serialization_traits.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <optional>
#include <string>

#include "absl/status/status.h"

namespace chorus {

// "text", "must be UTF-8; it is not at byte 3"; an empty field means the whole request.
struct RequestFault {
  std::string field;
  std::string problem;

  // As FieldError().
  absl::Status ToStatus() const;
};

template <typename Request>
struct Received {
  Request message;
  std::optional<RequestFault> fault;  // If set, `message` is unspecified.
};

// Parses `bytes` into `message`, and clears `bytes`. A string that is not UTF-8 is named if it is a
// field of the request itself; in a nested message it makes the whole request malformed.
std::optional<RequestFault> ParseRequest(grpc::ByteBuffer& bytes,
                                         google::protobuf::Message& message);

}  // namespace chorus

namespace grpc {

template <typename Request>
class SerializationTraits<chorus::Received<Request>, void> {
 public:
  static Status Deserialize(ByteBuffer* bytes, chorus::Received<Request>* received) {
    received->fault = chorus::ParseRequest(*bytes, received->message);
    return Status::OK;
  }
};

}  // namespace grpc
