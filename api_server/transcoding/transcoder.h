#pragma once

// Translates between HTTP/JSON and the messages of gRPC services, by their google.api.http
// annotations. Independent of any HTTP library; calls no service.
//
//   ASSIGN_OR_RETURN(auto transcoder, Transcoder::Create({&service, 1}));
//   ASSIGN_OR_RETURN(Route route, transcoder->Match("POST", "/v1/graphs/g:run"));
//   ASSIGN_OR_RETURN(auto request, transcoder->TranslateRequest(route, {.target = …, .body = …}));
//   … call route.binding->rpc_path with *request …
//   std::string json = transcoder->TranslateResponse(route, reply);
//
// Every error's HTTP code is HttpStatus(status) of http_status.h, and its body ErrorJson(status) of
// error_json.h.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "api_server/transcoding/http_binding.h"
#include "api_server/transcoding/path_matcher.h"

namespace chorus::gateway {

// A matched request. Borrows its binding from the transcoder.
struct Route {
  const HttpBinding* binding;  // Its `method` and `rpc_path` say what to call.
  std::vector<std::string> variable_values;
};

// The parts of an HTTP request that transcoding reads.
struct HttpRequestView {
  std::string_view target;        // Path and query as on the request line.
  std::string_view content_type;  // The header's value; empty: no such header.
  std::string_view body;
};

class Transcoder {
 public:
  // `services` come from generated code. Methods without annotation are skipped. INVALID_ARGUMENT
  // names the method whose annotation is wrong, ALREADY_EXISTS two methods with the same HTTP
  // method and path.
  static absl::StatusOr<std::unique_ptr<Transcoder>> Create(
      std::span<const google::protobuf::ServiceDescriptor* const> services);

  // Errors: INVALID_ARGUMENT (400) for a malformed target; NOT_FOUND (404) for an unknown path;
  // UNIMPLEMENTED (405) if the path has other methods, which AllowHeader() lists.
  absl::StatusOr<Route> Match(std::string_view http_method, std::string_view target) const;

  // `route` is Match()'s for this target. INVALID_ARGUMENT: 415 for the content type, else 400.
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> TranslateRequest(
      const Route& route, const HttpRequestView& request) const;

  // The JSON of `message`, the method's output or a message of its stream; with `response_body`
  // that of the one field, such as a bare array ("[]" if empty).
  std::string TranslateResponse(const Route& route, const google::protobuf::Message& message) const;

  // Every route, in order of declaration.
  const std::vector<HttpBinding>& bindings() const { return bindings_; }

 private:
  Transcoder(std::vector<HttpBinding> bindings, PathMatcher matcher);

  const std::vector<HttpBinding> bindings_;
  const PathMatcher matcher_;  // Its ids are indices into bindings_.
};

}  // namespace chorus::gateway
