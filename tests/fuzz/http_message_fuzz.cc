#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "api_server/front/request_body.h"
#include "api_server/front/request_head.h"
#include "api_server/transcoding/http_status.h"
#include "tests/fuzz/fuzz_target.h"

namespace chorus::gateway {
namespace {

constexpr HeadLimits kLimits = {.max_bytes = 400, .max_fields = 6, .max_target_bytes = 60};
constexpr size_t kMaxBodyBytes = 64;

// What a connection's first request comes to.
struct Outcome {
  int http_status = 0;  // 0: more bytes are needed.
  std::string target;
  std::string body;
  size_t num_bytes = 0;  // Of head and body.

  bool operator==(const Outcome&) const = default;
};

// Reads one request that arrives in pieces of `piece` bytes.
Outcome Read(std::string_view wire, size_t piece) {
  HeadScanner scanner(kLimits);
  std::optional<RequestBody> body;
  Outcome outcome;
  size_t num_received = 0;
  while (true) {
    num_received = std::min(num_received + piece, wire.size());
    const std::string_view received = wire.substr(0, num_received);
    if (!body.has_value()) {
      const absl::StatusOr<size_t> end = scanner.Scan(received);
      if (!end.ok()) return {HttpStatus(end.status())};
      FUZZ_ASSERT(*end <= received.size() && *end <= kLimits.max_bytes);
      if (*end > 0) {
        const auto head = ParseRequestHead(received.substr(0, *end), kLimits);
        if (!head.ok()) return {HttpStatus(head.status())};
        FUZZ_ASSERT(!head->chunked || !head->content_length.has_value());
        FUZZ_ASSERT(head->request.fields.size() <= kLimits.max_fields);
        FUZZ_ASSERT(head->request.target.size() <= kLimits.max_target_bytes);
        auto created = RequestBody::Create(*head, kMaxBodyBytes);
        if (!created.ok()) return {HttpStatus(created.status())};
        body = *std::move(created);
        outcome.target = head->request.target;
        outcome.num_bytes = *end;
      }
    }
    if (body.has_value()) {
      const auto num_taken = body->Put(received.substr(outcome.num_bytes));
      if (!num_taken.ok()) return {HttpStatus(num_taken.status())};
      outcome.num_bytes += *num_taken;
      FUZZ_ASSERT(body->done() || outcome.num_bytes == received.size());
      if (body->done()) break;
    }
    if (num_received == wire.size()) return {0};
  }
  outcome.http_status = 200;
  outcome.body = body->Take();
  FUZZ_ASSERT(outcome.body.size() <= kMaxBodyBytes);
  return outcome;
}

}  // namespace
}  // namespace chorus::gateway

// The same bytes are the same request however they are cut, and an error is one of HTTP's.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view wire(reinterpret_cast<const char*>(data), size);
  const chorus::gateway::Outcome whole = chorus::gateway::Read(wire, std::max<size_t>(size, 1));
  FUZZ_ASSERT(whole.http_status == 0 || whole.http_status == 200 ||
              (whole.http_status >= 400 && whole.http_status <= 505));
  FUZZ_ASSERT(chorus::gateway::Read(wire, 1) == whole);
  FUZZ_ASSERT(chorus::gateway::Read(wire, 7) == whole);
  return 0;
}
