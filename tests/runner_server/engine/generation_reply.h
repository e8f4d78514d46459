#pragma once

// Gathers what the callbacks of one generation bring, and checks their contract: deltas are whole
// UTF-8, only the last has no text, none has no token; log-probabilities come one a token; the
// deltas of a text that ended well have all of its tokens; nothing comes after the end, which comes
// once.

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "runner_server/engine/generation.h"
#include "runner_server/engine/mailbox.h"

namespace chorus {

// Read after done(), or after Wait() where the engine has threads. Must outlive the callbacks.
class GenerationReply {
 public:
  GenerationCallbacks callbacks() {
    return {.on_delta =
                [this](GenerationDelta delta) {
                  EXPECT_FALSE(done_) << "a delta after the end";
                  EXPECT_FALSE(has_last_) << "a delta after one without text";
                  has_last_ = delta.text.empty();
                  EXPECT_TRUE(IsValidUtf8(delta.text));
                  EXPECT_GT(delta.num_tokens, 0);
                  if (!delta.logprobs.empty()) {
                    EXPECT_EQ(std::ssize(delta.logprobs), delta.num_tokens);
                  }
                  text += delta.text;
                  for (TokenLogProb& logprob : delta.logprobs) {
                    logprobs.push_back(std::move(logprob));
                  }
                  num_delta_tokens += delta.num_tokens;
                  ++num_deltas;
                },
            .on_done =
                [this](absl::StatusOr<GenerationResult> done) {
                  EXPECT_FALSE(done_.exchange(true)) << "ended twice";
                  thread = std::this_thread::get_id();
                  result = std::move(done);
                  if (result.ok()) {
                    EXPECT_EQ(num_delta_tokens, result->num_generated_tokens);
                  }
                  bool end = true;
                  end_.TryPush(end);
                }};
  }

  void Wait() { end_.Take(); }
  bool done() const { return done_; }

  std::string text;
  int num_deltas = 0;
  int num_delta_tokens = 0;
  std::vector<TokenLogProb> logprobs;
  absl::StatusOr<GenerationResult> result;
  std::thread::id thread;  // That ended it.

 private:
  bool has_last_ = false;  // A delta without text.
  std::atomic<bool> done_ = false;
  Mailbox<bool> end_;
};

}  // namespace chorus
