#pragma once

// An HTTP request as received, and a reply to be sent. Plain values.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "base/string_view.h"

namespace chorus::gateway {

struct HttpField {
  std::string name;
  std::string value;  // Without surrounding white space.
};

struct HttpRequest {
  std::string method;     // "GET"; case-sensitive.
  std::string target;     // Path and query, not decoded: "/v1/models/a%20b:generate?seed=1".
  int minor_version = 1;  // HTTP/1.x
  std::vector<HttpField> fields;  // In order; names as sent.
  std::string body;

  // The value of the first field of that name, ignoring case; null if there is none.
  const std::string* Find(std::string_view name) const {
    for (const HttpField& field : fields) {
      if (absl::EqualsIgnoreCase(field.name, AbslView(name))) return &field.value;
    }
    return nullptr;
  }

  // The same, but empty if there is none.
  std::string_view ValueOf(std::string_view name) const {
    const std::string* value = Find(name);
    return value == nullptr ? std::string_view() : *value;
  }

  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
};

// A body produced in pieces.
//
// Thread safety: one reader; the stream may be filled from any thread.
class HttpStream {
 public:
  struct Piece {
    std::string bytes;
    std::optional<absl::Status> end;  // Set once `bytes` are the last.
  };

  virtual ~HttpStream() = default;

  // Calls `ready` once, as soon as Take() has something: inline, or from any thread. At most one
  // `ready` may wait.
  virtual void Wait(absl::AnyInvocable<void() &&> ready) = 0;

  // The bytes since the last Take.
  virtual Piece Take() = 0;

  // Bytes that readers ignore, sent to keep the connection alive.
  virtual std::string Heartbeat() const = 0;

  // Tells the reader that the stream ends early, and why.
  virtual std::string ErrorEvent(const absl::Status& error) const = 0;
};

struct HttpReply {
  int status = 200;
  std::string content_type;       // Empty: none.
  std::vector<HttpField> fields;  // Besides Content-Type and the session's own.
  std::string body;
  std::shared_ptr<HttpStream> stream;  // Instead of `body`, unless null.
};

}  // namespace chorus::gateway
