#pragma once

// Replies of OpenAI's completions. A choice of a graph also has `score`, `label` and `model`, which
// OpenAI does not have.
//
// Thread safety: CompletionReply is immutable; a ChunkWriter has one user at a time.
// Source: OpenAI's API reference, "The completion object".

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "api_server/protocols/openai/completion_request.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus::gateway {

// {"error": {"message", "type", "param", "code"}}, of an error that may be shown.
std::string OpenAiErrorJson(const absl::Status& error);

// What all replies and chunks of a request begin with.
class CompletionReply {
 public:
  // `created` in seconds since 1970.
  CompletionReply(std::string id, int64_t created, const CompletionRequest& request);

  // Of the model's texts, one response for each prompt; takes the texts.
  std::string Json(std::vector<v1::GenerateResponse> responses) const;

  // The same of a graph's. `usage` is of all its texts.
  struct Usage {
    uint64_t prompt_tokens = 0;
    uint64_t completion_tokens = 0;
  };
  std::string Json(const std::vector<v1::RunGraphResponse>& responses, const Usage& usage) const;

  nlohmann::ordered_json Head() const;
  const CompletionRequest& request() const { return request_; }

 private:
  const std::string id_;
  const int64_t created_;
  const CompletionRequest request_;
};

// Events of a stream as chunks.
class ChunkWriter {
 public:
  explicit ChunkWriter(CompletionReply reply) : reply_(std::move(reply)) {}

  // Server-sent events; of the last, `data: [DONE]` is the end.
  std::string Write(const v1::StreamEvent& event);

 private:
  // `choice` has what is known of the index-th text.
  std::string WriteChoice(uint32_t index, const nlohmann::ordered_json& choice) const;
  std::string WriteToken(const v1::TokenEvent& token);
  std::string WriteDone(const v1::DoneEvent& done) const;

  const CompletionReply reply_;
  std::set<uint32_t> begun_;  // Choices of which something was written.
};

}  // namespace chorus::gateway
