#pragma once

// A RunnerClient whose strings the test pulls: calls wait here until the test answers them.
//
// Thread safety: calls may come from any thread; the answers' callbacks run on the test's.

#include <gtest/gtest.h>

#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "api_server/runners/runner_client.h"

namespace chorus {

class PuppetRunnerClient : public RunnerClient {
 public:
  struct GenerateCall {
    std::string prompt;
    GenerateParams params;
    CallContext context;
    OnText on_text;
    OnGenerated done;

    // Writes `text` and ends.
    void Finish(std::string_view text, FinishReason reason = FinishReason::kStop) {
      if (!text.empty()) on_text({.text = std::string(text), .num_tokens = 1});
      std::move(done)(GenerationEnd{.reason = reason, .prompt_tokens = 1, .generated_tokens = 2});
    }
    void Fail(absl::Status status) { std::move(done)(std::move(status)); }
  };
  static constexpr uint32_t kMostTokens = 512;  // That its classifier reads of a text.
  struct ClassifyCall {
    std::vector<std::string> texts;
    ClassifyParams params;
    CallContext context;
    OnClassified done;

    // Scores the one text of the call.
    void Finish(double score, uint32_t num_tokens = 5) {
      std::vector<TextClassification> results;
      results.push_back({.labels = {"NEGATIVE", "POSITIVE"},
                         .probabilities = {1 - score, score},
                         .num_tokens = num_tokens,
                         .truncated = num_tokens > kMostTokens});
      std::move(done)(std::move(results));
    }
    void Fail(absl::Status status) { std::move(done)(std::move(status)); }
  };

  void Generate(std::string prompt, const GenerateParams& params, CallContext context,
                OnText on_text, OnGenerated done) override {
    std::lock_guard lock(mutex_);
    generate_calls_.push_back(
        {std::move(prompt), params, std::move(context), std::move(on_text), std::move(done)});
  }
  void Classify(std::vector<std::string> texts, const ClassifyParams& params, CallContext context,
                OnClassified done) override {
    std::lock_guard lock(mutex_);
    classify_calls_.push_back({std::move(texts), params, std::move(context), std::move(done)});
  }
  struct TokenizeCall {
    std::string text;
    TokenizeParams params;
    OnTokenized done;
  };
  struct DetokenizeCall {
    std::vector<uint32_t> ids;
    OnDetokenized done;
  };
  void Tokenize(std::string text, const TokenizeParams& params, CallContext,
                OnTokenized done) override {
    std::lock_guard lock(mutex_);
    tokenize_calls_.push_back({std::move(text), params, std::move(done)});
  }
  void Detokenize(std::vector<uint32_t> ids, CallContext, OnDetokenized done) override {
    std::lock_guard lock(mutex_);
    detokenize_calls_.push_back({std::move(ids), std::move(done)});
  }
  RunnerStatus status() const override {
    return {.replicas = {{.endpoint = "a:1", .healthy = healthy_, .model = model_},
                         {.endpoint = "b:1"}}};
  }
  bool healthy() const override { return healthy_; }
  bool suits(ModelTask task) const override { return !healthy_ || model_.suits(task); }

  void set_healthy(bool healthy) { healthy_ = healthy; }
  void set_model(ModelKind model) { model_ = std::move(model); }

  size_t num_generate_calls() { return Size(generate_calls_); }
  size_t num_classify_calls() { return Size(classify_calls_); }

  // The oldest call that waits; it must be there.
  GenerateCall TakeGenerate() { return Take(generate_calls_); }
  ClassifyCall TakeClassify() { return Take(classify_calls_); }
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
  std::deque<TokenizeCall> tokenize_calls_;
  std::deque<DetokenizeCall> detokenize_calls_;
  bool healthy_ = true;
  ModelKind model_;
};

}  // namespace chorus
