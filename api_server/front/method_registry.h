#pragma once

// The RPC methods this server implements, by name, so that HTTP can call what a transcoded request
// names with the very code that gRPC calls.
//
// Thread safety: immutable once filled; Find and the methods may be called from any thread.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api_server/front/call.h"
#include "api_server/front/event_queue.h"
#include "base/status_macros.h"
#include "google/protobuf/message.h"

namespace chorus {

class MethodRegistry {
 public:
  using Message = google::protobuf::Message;
  template <typename T>
  using DoneWith = absl::AnyInvocable<void(absl::StatusOr<T>) &&>;
  using Done = DoneWith<std::unique_ptr<Message>>;

  // Runs one call. Either returns OK and calls `done` once, later and from another thread or, where
  // no runner is asked, at once; or returns the error and destroys `done` uncalled.
  using Method = std::function<absl::Status(const Message& request, Call call, Done done)>;

  // Adds the method of that full name, such as "chorus.v1.InferenceService.Classify", as a function
  // of the generated message types. A name can be added once.
  template <typename Request, typename Response>
  void Add(std::string full_name,
           std::function<absl::Status(Request, Call, DoneWith<Response>)> method) {
    AddErased(
        std::move(full_name),
        [method = std::move(method)](const Message& message, Call call, Done done) -> absl::Status {
          ASSIGN_OR_RETURN(Request request, TakeOver<Request>(message));
          return method(std::move(request), std::move(call),
                        [done = std::move(done)](absl::StatusOr<Response> response) mutable {
                          if (!response.ok()) return std::move(done)(std::move(response).status());
                          std::move(done)(std::make_unique<Response>(*std::move(response)));
                        });
        });
  }

  // Runs one call that streams. Either returns OK and ends `events` once, later, or returns the
  // error and leaves `events` alone.
  using Stream = std::function<absl::Status(const Message& request, Call call,
                                            std::shared_ptr<EventQueue> events)>;

  template <typename Request>
  void AddStream(std::string full_name,
                 std::function<absl::Status(Request, Call, std::shared_ptr<EventQueue>)> stream) {
    AddErased(std::move(full_name),
              [stream = std::move(stream)](const Message& message, Call call,
                                           std::shared_ptr<EventQueue> events) -> absl::Status {
                ASSIGN_OR_RETURN(Request request, TakeOver<Request>(message));
                return stream(std::move(request), std::move(call), std::move(events));
              });
  }

  // Null when there is no such method.
  const Method* Find(std::string_view full_name) const;
  const Stream* FindStream(std::string_view full_name) const;

 private:
  // The message may be a dynamic one: it is then taken over by its wire form.
  template <typename Request>
  static absl::StatusOr<Request> TakeOver(const Message& message) {
    Request request;
    if (message.GetDescriptor() == Request::descriptor()) {
      request.CopyFrom(message);
    } else if (!request.ParseFromString(message.SerializeAsString())) {
      return absl::InternalError("a transcoded request does not parse");
    }
    return request;
  }

  void AddErased(std::string full_name, std::variant<Method, Stream> method);

  absl::flat_hash_map<std::string, std::variant<Method, Stream>> methods_;
};

}  // namespace chorus
