#pragma once

// A RunnerClient whose strings the test pulls: calls wait here until the test answers them.
//
// Thread safety: calls may come from any thread; the answers' callbacks run on the test's.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api_server/graph/runner_client.h"

namespace chorus::gateway {

class PuppetRunnerClient : public RunnerClient {
 public:
  struct GenerateCall {
    runner::v1::GenerateRequest request;
    CallContext context;
    OnText on_text;
    OnRestart on_restart;
    Done<v1::GenerationEnd> done;

    const v1::GenerationParams& params() const { return request.params(); }
    void Write(std::string_view text, uint32_t num_tokens = 1) {
      v1::TextDelta delta;
      delta.set_text(std::string(text));
      delta.set_num_tokens(num_tokens);
      on_text(std::move(delta));
    }
    // Writes `text` and ends.
    void Finish(std::string_view text, v1::FinishReason reason = v1::FINISH_REASON_STOP) {
      if (!text.empty()) Write(text);
      v1::GenerationEnd end;
      end.set_reason(reason);
      end.set_prompt_tokens(1);
      end.set_generated_tokens(2);
      std::move(done)(std::move(end));
    }
    void Fail(absl::Status status) { std::move(done)(std::move(status)); }
  };
  static constexpr uint32_t kMostTokens = 512;  // That its classifier reads of a text.
  struct ClassifyCall {
    runner::v1::ClassifyRequest request;
    CallContext context;
    Done<runner::v1::ClassifyResponse> done;

    // Scores the one text of the call.
    void Finish(double score, uint32_t num_tokens = 5) {
      runner::v1::ClassifyResponse response;
      response.add_labels("NEGATIVE");
      response.add_labels("POSITIVE");
      runner::v1::Classification& result = *response.add_results();
      result.add_scores(1 - score);
      result.add_scores(score);
      result.set_num_tokens(std::min(num_tokens, kMostTokens));
      result.set_text_tokens(num_tokens);
      std::move(done)(std::move(response));
    }
    void Fail(absl::Status status) { std::move(done)(std::move(status)); }
  };
  struct EmbedCall {
    runner::v1::EmbedRequest request;
    Done<runner::v1::EmbedResponse> done;
  };
  struct TokenizeCall {
    runner::v1::TokenizeRequest request;
    Done<runner::v1::TokenizeResponse> done;
  };
  struct DetokenizeCall {
    runner::v1::DetokenizeRequest request;
    Done<runner::v1::DetokenizeResponse> done;
  };

  void Generate(runner::v1::GenerateRequest request, CallContext context, OnText on_text,
                OnRestart on_restart, Done<v1::GenerationEnd> done) override {
    std::lock_guard lock(mutex_);
    generate_calls_.push_back({std::move(request), std::move(context), std::move(on_text),
                               std::move(on_restart), std::move(done)});
  }
  void Classify(runner::v1::ClassifyRequest request, CallContext context,
                Done<runner::v1::ClassifyResponse> done) override {
    std::lock_guard lock(mutex_);
    classify_calls_.push_back({std::move(request), std::move(context), std::move(done)});
  }
  void Embed(runner::v1::EmbedRequest request, CallContext,
             Done<runner::v1::EmbedResponse> done) override {
    std::lock_guard lock(mutex_);
    embed_calls_.push_back({std::move(request), std::move(done)});
  }
  void Tokenize(runner::v1::TokenizeRequest request, CallContext,
                Done<runner::v1::TokenizeResponse> done) override {
    std::lock_guard lock(mutex_);
    tokenize_calls_.push_back({std::move(request), std::move(done)});
  }
  void Detokenize(runner::v1::DetokenizeRequest request, CallContext,
                  Done<runner::v1::DetokenizeResponse> done) override {
    std::lock_guard lock(mutex_);
    detokenize_calls_.push_back({std::move(request), std::move(done)});
  }
  absl::Status CheckRoom(size_t prompt_bytes, const v1::GenerationParams& params) override {
    std::lock_guard lock(mutex_);
    room_asked_for_.emplace_back(prompt_bytes, params);
    return room_;
  }
  RunnerStatus status() const override {
    return {.replicas = {{.endpoint = "a:1", .healthy = healthy_, .model = model_},
                         {.endpoint = "b:1"}}};
  }
  bool healthy() const override { return healthy_; }
  bool suits(ModelTask task) const override { return !healthy_ || model_.suits(task); }

  void set_healthy(bool healthy) { healthy_ = healthy; }
  void set_room(absl::Status room) { room_ = std::move(room); }
  void set_model(ModelKind model) { model_ = std::move(model); }

  // What CheckRoom() was asked for, oldest first.
  const std::vector<std::pair<size_t, v1::GenerationParams>>& room_asked_for() const {
    return room_asked_for_;
  }

  size_t num_generate_calls() { return Size(generate_calls_); }
  size_t num_classify_calls() { return Size(classify_calls_); }

  // The oldest call that waits; it must be there.
  GenerateCall TakeGenerate() { return Take(generate_calls_); }
  ClassifyCall TakeClassify() { return Take(classify_calls_); }
  EmbedCall TakeEmbed() { return Take(embed_calls_); }
  TokenizeCall TakeTokenize() { return Take(tokenize_calls_); }
  DetokenizeCall TakeDetokenize() { return Take(detokenize_calls_); }

 private:
  template <typename Call>
  size_t Size(const std::deque<Call>& calls) {
    std::lock_guard lock(mutex_);
    return calls.size();
  }
  template <typename Call>
  Call Take(std::deque<Call>& calls) {
    std::lock_guard lock(mutex_);
    if (calls.empty()) {
      ADD_FAILURE() << "the runner was not called";
      return {};
    }
    Call call = std::move(calls.front());
    calls.pop_front();
    return call;
  }

  std::mutex mutex_;
  std::deque<GenerateCall> generate_calls_;
  std::deque<ClassifyCall> classify_calls_;
  std::deque<EmbedCall> embed_calls_;
  std::deque<TokenizeCall> tokenize_calls_;
  std::deque<DetokenizeCall> detokenize_calls_;
  absl::Status room_;
  std::vector<std::pair<size_t, v1::GenerationParams>> room_asked_for_;
  bool healthy_ = true;
  ModelKind model_;
};

}  // namespace chorus::gateway
