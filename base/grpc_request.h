#pragma once

// A gRPC request, or what is wrong with its bytes. By itself gRPC answers a request that does not
// parse, or has a string that is not UTF-8, with UNIMPLEMENTED and no word. A service whose handler
// takes a Received<Request> in place of a Request can say what it was:
//
//   MarkMethodCallback(index, new grpc::internal::CallbackUnaryHandler<Received<Request>,
//   Response>(
//                                 [](auto* context, const Received<Request>* request, auto* reply)
//                                 {
//                                   if (!request->status().ok()) ...
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

// "text", "must be UTF-8; it is not at byte 3"; an empty field is the request as a whole.
struct RequestFault {
  std::string field;
  std::string problem;

  // INVALID_ARGUMENT that says both.
  absl::Status ToStatus() const;
};

template <typename Request>
struct Received {
  Request message;
  std::optional<RequestFault> fault;  // `message` then means nothing.
};

// Empties `bytes`. Of the fields that are strings, only those of the request itself are looked at,
// not those of messages in it.
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
