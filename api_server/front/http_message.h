#pragma once

// An HTTP request as it was received, and a reply as it is to be sent.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "base/string_view.h"

namespace chorus {

struct HttpField {
  std::string name;
  std::string value;  // Without the white space around it.
};

struct HttpRequest {
  std::string method;     // "GET"; case-sensitive.
  std::string target;     // Path and query, not decoded: "/v1/models/a%20b:generate?seed=1".
  int minor_version = 1;  // HTTP/1.x
  std::vector<HttpField> fields;  // In order; names as they were sent.
  std::string body;

  // The value of the first field of that name, whatever its case; null when there is none.
  const std::string* Find(std::string_view name) const {
    for (const HttpField& field : fields) {
      if (absl::EqualsIgnoreCase(field.name, AbslView(name))) return &field.value;
    }
    return nullptr;
  }

  // The same, but empty when there is none.
  std::string_view ValueOf(std::string_view name) const {
    const std::string* value = Find(name);
    return value == nullptr ? std::string_view() : *value;
  }

  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
};

// A body that comes bit by bit.
//
// Thread safety: one reader; what fills the stream may do so from any thread.
class HttpStream {
 public:
  struct Piece {
    std::string bytes;
    std::optional<absl::Status> end;  // Set once `bytes` are the last.
  };

  virtual ~HttpStream() = default;

  // Calls `ready` once, as soon as Take() has something to bring: at once, inline, or from any
  // thread. One at a time.
  virtual void Wait(absl::AnyInvocable<void() &&> ready) = 0;

  // What has come since the last Take.
  virtual Piece Take() = 0;

  // Bytes that mean nothing, to show that the connection lives.
  virtual std::string Heartbeat() const = 0;

  // What tells the reader that the stream ends before its time, and why.
  virtual std::string ErrorEvent(const absl::Status& error) const = 0;
};

struct HttpReply {
  int status = 200;
  std::string content_type;       // Empty: none.
  std::vector<HttpField> fields;  // Besides Content-Type and those that the session adds.
  std::string body;
  std::shared_ptr<HttpStream> stream;  // Instead of `body`, unless null.
};

}  // namespace chorus
