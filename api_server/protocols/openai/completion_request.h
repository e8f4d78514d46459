#pragma once

// A request of OpenAI's completions, as requests of chorus.v1. What it leaves unset is as OpenAI's
// reference has it, whatever the model's own defaults are: 16 new tokens, drawn among all tokens at
// temperature 1. top_k, min_p, repetition_penalty, min_tokens and ignore_eos, which OpenAI does not
// have, are named as other servers of its protocol name them.
//
// Thread safety: free functions without state.
// Source: OpenAI's API reference, "Create completion".

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus::gateway {

// Prompts of one request; OpenAI takes 2,048.
inline constexpr size_t kMostPrompts = 2048;
// Texts that one request makes, of all its prompts.
inline constexpr size_t kMostTexts = 2048;

struct CompletionRequest {
  std::string model;
  // One for each prompt, with `model`, and with as many num_return_sequences as are to be written.
  std::vector<v1::GenerateRequest> prompts;
  int num_choices = 1;    // Of each prompt: the likeliest of those written.
  int num_copies = 1;     // Choices that each text is: all, where none is drawn.
  bool is_graph = false;  // What `model` names; set by the handler.
  bool echo = false;
  bool stream = false;
  bool include_usage = false;  // In a stream.
  bool logprobs = false;
};

// INVALID_ARGUMENT names the member that is wrong.
absl::StatusOr<CompletionRequest> ParseCompletionRequest(std::string_view body);

// `prompt` for a graph. INVALID_ARGUMENT if it asks for what only a model gives.
absl::StatusOr<v1::RunGraphRequest> ForGraph(const CompletionRequest& request,
                                             v1::GenerateRequest prompt);

}  // namespace chorus::gateway
