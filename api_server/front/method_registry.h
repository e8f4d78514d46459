#pragma once

// The RPC methods this server implements, of any number of services. gRPC serves all of them, HTTP
// those with a google.api.http annotation.
//
// Thread safety: Add during start-up only; once filled, Find and the methods may be called from any
// thread.

#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api_server/front/call.h"
#include "api_server/front/event_queue.h"
#include "google/protobuf/message.h"

namespace chorus::gateway {

class MethodRegistry {
 public:
  using Message = google::protobuf::Message;
  template <typename T>
  using DoneWith = absl::AnyInvocable<void(absl::StatusOr<T>) &&>;
  using Done = DoneWith<std::unique_ptr<Message>>;

  // Exactly one of the functions is set, by whether `descriptor` streams. Both move from the
  // request.
  struct Method {
    const google::protobuf::MethodDescriptor* descriptor = nullptr;
    const Message* request = nullptr;  // The default instance.
    // Runs one call. Either returns OK and calls `done` once: later and from another thread, or
    // inline if no runner is asked. Or returns an error and destroys `done` uncalled.
    std::function<absl::Status(Message& request, Call call, Done done)> call;
    // Runs a streaming call. Either returns OK and ends `events` once, later; or returns an error
    // and leaves `events` untouched.
    std::function<absl::Status(Message& request, Call call, std::shared_ptr<EventQueue> events)>
        stream;
  };

  // Adds the method of that full name, such as "chorus.v1.InferenceService.Classify", as a member
  // function of `service`, which must outlive the calls. Each name once.
  template <typename Service, typename Request, typename Response>
  void Add(std::string_view full_name, Service& service,
           absl::Status (Service::*method)(Request, Call, DoneWith<Response>)) {
    AddErased(full_name,
              {.request = &Request::default_instance(),
               .call = [&service, method](Message& request, Call call, Done done) {
                 return (service.*method)(
                     TakeOver<Request>(request), std::move(call),
                     [done = std::move(done)](absl::StatusOr<Response> response) mutable {
                       if (!response.ok()) return std::move(done)(std::move(response).status());
                       std::move(done)(std::make_unique<Response>(*std::move(response)));
                     });
               }});
  }
  template <typename Service, typename Request>
  void Add(std::string_view full_name, Service& service,
           absl::Status (Service::*method)(Request, Call, std::shared_ptr<EventQueue>)) {
    AddErased(full_name, {.request = &Request::default_instance(),
                          .stream = [&service, method](Message& request, Call call,
                                                       std::shared_ptr<EventQueue> events) {
                            return (service.*method)(TakeOver<Request>(request), std::move(call),
                                                     std::move(events));
                          }});
  }

  // Null if there is no such method.
  const Method* Find(const google::protobuf::MethodDescriptor& method) const;

  // The services with a method here, in order of Add.
  const std::vector<const google::protobuf::ServiceDescriptor*>& services() const {
    return services_;
  }

 private:
  template <typename Request>
  static Request&& TakeOver(Message& request) {
    return std::move(*google::protobuf::DynamicCastToGenerated<Request>(&request));
  }

  void AddErased(std::string_view full_name, Method method);

  absl::flat_hash_map<const google::protobuf::MethodDescriptor*, Method> methods_;
  std::vector<const google::protobuf::ServiceDescriptor*> services_;
};

}  // namespace chorus::gateway
