#pragma once

// How a question is asked over HTTP/1.1, and what the replies' bytes mean.
//
// Thread safety: const methods of HttpDialect from any thread; a ReplyReader has none.

#include <string>
#include <string_view>

#include "cli/bench/load/call.h"
#include "cli/bench/load/question.h"
#include "cli/bench/load/sse_parser.h"

namespace chorus::bench {

class HttpDialect {
 public:
  HttpDialect(const Question& question, const ServerUrl& url);

  // The whole request, head and body.
  std::string Request(const Call& call) const;

  Protocol protocol() const { return protocol_; }
  bool is_streamed() const { return is_streamed_; }
  const std::string& name() const { return name_; }

 private:
  std::string Body(const Call& call) const;

  const Protocol protocol_;
  const bool is_streamed_;
  const Subject subject_;
  const std::string name_;
  nlohmann::ordered_json constant_;  // What all bodies share.
  std::string head_;                 // Up to the body's length.
};

// Reads one reply after the other into records.
class ReplyReader {
 public:
  explicit ReplyReader(const HttpDialect& dialect) : dialect_(dialect) {}

  void Begin(CallRecord& record);
  void OnBody(int code, std::string_view bytes, absl::Duration now);
  // The reply is whole. Sets the record's outcome, status and message.
  void OnEnd(int code);

 private:
  void OnChorusEvent(std::string_view event, std::string_view data, absl::Duration now);
  void OnOpenAiEvent(std::string_view data, absl::Duration now);
  void OnWhole();
  void OnOk();
  void OnError(int code);

  const HttpDialect& dialect_;
  CallRecord* record_ = nullptr;
  SseParser events_;
  std::string body_;  // Of what is no stream.
  bool is_done_ = false;
  size_t num_finished_ = 0;  // Texts of OpenAI's that have said why they end.
  uint32_t usage_tokens_ = 0;
};

}  // namespace chorus::bench
