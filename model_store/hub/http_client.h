#pragma once

// HTTP GETs with libcurl, for a server that is not trusted.
//
// Redirects are followed, at most five: never from https to http, and the token goes to the origin
// (scheme, host and port) of the endpoint alone. Proxies are taken from the usual variables
// (https_proxy, no_proxy and so on) by libcurl itself. TLS certificates are always checked.
//
// Messages name a server by its host only, since the addresses of content servers hold secrets.
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

namespace chorus {

struct HttpRequest {
  std::string url;
  int64_t offset = 0;  // First byte that is wanted; above 0 it is asked for by a Range.
  std::string etag;    // With an offset: only if the content still has this strong ETag.
  absl::Duration time_limit = absl::InfiniteDuration();
};

struct HttpResponse {
  int status = 0;
  int64_t offset = 0;  // Of the body's first byte: what a 206 says in Content-Range.
  std::string etag;    // Empty unless there is a strong one.
  std::optional<absl::Duration> retry_after;
  std::string error_code;     // The hub's X-Error-Code, such as "GatedRepo"; may hold any bytes.
  std::string error_message;  // Its X-Error-Message; likewise.
  std::string host;           // That gave this response.
};

// Takes the body of a 200 or 206; that of another response is thrown away.
class HttpBodySink {
 public:
  virtual ~HttpBodySink() = default;

  // Called once, before the first byte. An error of either method's ends the request with it.
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

  // INVALID_ARGUMENT for an endpoint that is no plain http or https URL, or a token with bytes
  // that a header cannot hold.
  static absl::StatusOr<std::unique_ptr<HttpClient>> Create(const Options& options);
  virtual ~HttpClient() = default;

  // The last response, whatever its status. UNAVAILABLE when there was none, or its body broke off:
  // trying again may help. FAILED_PRECONDITION when it will not: a certificate that is not trusted,
  // a redirect that is not followed. CANCELLED within a second after `stop`. Else the sink's error.
  virtual absl::StatusOr<HttpResponse> Get(const HttpRequest& request, HttpBodySink& sink,
                                           std::stop_token stop) = 0;
};

}  // namespace chorus
