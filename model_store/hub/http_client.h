#pragma once

// HTTP GET with libcurl, from an untrusted server.
//
// Follows at most five redirects, never from https to http. The token is sent only to the origin
// (scheme, host and port) of the endpoint. libcurl takes proxies from the usual variables
// (https_proxy, no_proxy and so on). TLS certificates are always checked.
//
// Messages name a server by its host only, since URLs of content servers hold secrets.
//
// Thread safety: none; one request at a time. The process must ignore SIGPIPE, which TLS raises
// when a server has gone.

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace chorus::store {

struct HttpRequest {
  std::string url;
  int64_t offset = 0;  // First byte wanted; above 0, requested by a Range.
  std::string etag;    // With an offset: only if this is still the strong ETag.
  absl::Duration time_limit = absl::InfiniteDuration();
};

struct HttpResponse {
  int status = 0;
  int64_t offset = 0;  // Of the body's first byte, by the Content-Range of a 206.
  std::string etag;    // Empty unless there is a strong one.
  std::optional<absl::Duration> retry_after;
  std::string error_code;     // The hub's X-Error-Code, such as "GatedRepo"; may hold any bytes.
  std::string error_message;  // Its X-Error-Message; likewise.
  std::string host;           // That gave this response.
};

// Receives the body of a 200 or 206; other bodies are discarded.
class HttpBodySink {
 public:
  virtual ~HttpBodySink() = default;

  // Called once, before the first byte. An error of either method ends the request with it.
  virtual absl::Status Begin(const HttpResponse& response) = 0;
  virtual absl::Status Write(std::string_view bytes) = 0;
};

class HttpClient {
 public:
  struct Options {
    std::string endpoint;  // "https://hub.example", perhaps with a port and a path.
    std::string token;     // Sent as a bearer token to the endpoint's origin; may be empty.
    std::string ca_file;   // Certificates to trust instead of the system's; may be empty.
    std::string user_agent;
    absl::Duration connect_timeout = absl::Seconds(20);
    absl::Duration stall_timeout = absl::Seconds(30);  // Whole seconds with less than 1 KiB/s.
  };

  // INVALID_ARGUMENT for an endpoint that is not a plain http or https URL, or a token that a
  // header cannot hold.
  static absl::StatusOr<std::unique_ptr<HttpClient>> Create(const Options& options);
  virtual ~HttpClient() = default;

  // The last response, whatever its status. Blocks. UNAVAILABLE if there was none or its body broke
  // off, and a retry may help; FAILED_PRECONDITION if it will not: an untrusted certificate, a
  // refused redirect. CANCELLED within a second after `stop`. Else the sink's error.
  virtual absl::StatusOr<HttpResponse> Get(const HttpRequest& request, HttpBodySink& sink,
                                           std::stop_token stop) = 0;
};

}  // namespace chorus::store
