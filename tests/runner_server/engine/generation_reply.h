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
#include "runner_server/engine/generation_stepper.h"
#include "runner_server/engine/mailbox.h"

namespace chorus::runner {

// Read after done(), or after Wait() where the engine has threads. Must outlive the callbacks.
class GenerationReply {
 public:
  GenerationStepper::Callbacks callbacks() {
    return {.on_delta =
                [this](chorus::v1::TextDelta delta) {
                  EXPECT_FALSE(done_) << "a delta after the end";
                  EXPECT_FALSE(has_last_) << "a delta after one without text";
                  if (!delta.prompt_logprobs().empty()) {
                    EXPECT_EQ(delta.num_tokens(), 0u);
                    EXPECT_EQ(num_deltas, 0) << "the prompt's come first";
                    for (const chorus::v1::TokenLogprob& logprob : delta.prompt_logprobs()) {
                      prompt_logprobs.push_back(logprob);
                    }
                    return;
                  }
                  has_last_ = delta.text().empty();
                  EXPECT_TRUE(IsValidUtf8(delta.text()));
                  EXPECT_GT(delta.num_tokens(), 0u);
                  if (!delta.logprobs().empty()) {
                    EXPECT_EQ(static_cast<uint32_t>(delta.logprobs_size()), delta.num_tokens());
                  }
                  text += delta.text();
                  for (const chorus::v1::TokenLogprob& logprob : delta.logprobs()) {
                    logprobs.push_back(logprob);
                  }
                  num_delta_tokens += delta.num_tokens();
                  ++num_deltas;
                },
            .on_done =
                [this](absl::StatusOr<chorus::v1::GenerationEnd> done) {
                  EXPECT_FALSE(done_.exchange(true)) << "ended twice";
                  thread = std::this_thread::get_id();
                  result = std::move(done);
                  if (result.ok()) {
                    EXPECT_EQ(num_delta_tokens, result->generated_tokens());
                  }
                  bool end = true;
                  end_.TryPush(end);
                }};
  }

  void Wait() { end_.Take(); }
  bool done() const { return done_; }

  std::string text;
  int num_deltas = 0;
  uint32_t num_delta_tokens = 0;
  std::vector<chorus::v1::TokenLogprob> logprobs, prompt_logprobs;
  absl::StatusOr<chorus::v1::GenerationEnd> result;
  std::thread::id thread;  // That ended it.

 private:
  bool has_last_ = false;  // A delta without text.
  std::atomic<bool> done_ = false;
  Mailbox<bool> end_;
};

}  // namespace chorus::runner
