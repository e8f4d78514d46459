// With a real model: neither company, nor shared prefixes, nor giving its slot up changes a bit of
// a text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/generation_params.h"
#include "runner_server/engine/generation_stepper.h"
#include "runner_server/model/load_model.h"
#include "runner_server/tokenizer/load_tokenizer.h"
#include "tests/runner_server/engine/generation_reply.h"
#include "tests/runner_server/engine/recording_observer.h"

namespace chorus::runner {
namespace {

constexpr char kModel[] = "models/demo/gpt2";
const absl::Time kNow = absl::FromUnixSeconds(1000);

struct Text {
  std::string text;
  uint32_t num_tokens = 0;
  bool operator==(const Text&) const = default;
};

class DemoModelTest : public ::testing::Test {
 protected:
  DemoModelTest() : tokenizer_(*LoadTokenizer(kModel)) {}

  // Writes a text for each prompt, all of which arrive in the first steps, `stagger` a step.
  std::vector<Text> Write(const std::vector<std::string>& prompts, int num_slots,
                          int max_step_tokens, int kv_cache_tokens, size_t stagger) {
    absl::StatusOr<LoadedModel> loaded =
        LoadModel(kModel, {.num_threads = 1, .num_kv_slots = num_slots});
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    auto model = std::get<std::unique_ptr<LanguageModel>>(std::move(loaded->model));
    const int64_t bytes_per_token = model->kv_memory().bytes_per_token;
    auto stepper =
        *GenerationStepper::Create(std::move(model), *tokenizer_, observer_,
                                   {.schedule = {.max_step_tokens = max_step_tokens},
                                    .kv_cache_bytes = kv_cache_tokens * bytes_per_token});
    std::deque<GenerationReply> replies(prompts.size());
    size_t next = 0;
    while (next < prompts.size() || stepper->HasWork()) {
      for (size_t i = 0; i < stagger && next < prompts.size(); ++i, ++next) {
        auto sequence = std::make_unique<Sequence>();
        sequence->tokens = tokenizer_->Encode(prompts[next], false).value();
        sequence->num_prompt_tokens = static_cast<int>(sequence->tokens.size());
        sequence->max_tokens = sequence->num_prompt_tokens + 100;
        runner::v1::GenerateRequest request;
        *request.mutable_params() = DefaultParams();
        request.mutable_params()->set_do_sample(next % 3 > 0);
        request.mutable_params()->set_seed(next);
        stepper->Add({std::move(sequence), std::move(request), replies[next].callbacks()});
      }
      stepper->Step(kNow);
    }
    std::vector<Text> texts;
    for (const GenerationReply& reply : replies) {
      EXPECT_TRUE(reply.result.ok());
      texts.push_back({reply.text, reply.result->generated_tokens()});
    }
    return texts;
  }

  template <typename Field>
  int Total(Field StepStats::*field) const {
    int total = 0;
    for (const StepStats& step : observer_.steps) total += step.*field;
    return total;
  }

  const std::unique_ptr<Tokenizer> tokenizer_;
  RecordingObserver observer_;
};

TEST_F(DemoModelTest, WritesTheSameTextsWhateverHappensToThem) {
  std::string story = "Once upon a time, there was a little girl who had a red ball.";
  while (tokenizer_->Encode(story, false).value().size() < 120)
    story += " She played with it all day long.";
  std::vector<std::string> prompts;
  for (int i = 0; i < 4; ++i) prompts.push_back(story);
  for (const char* end : {" One day,", " Then", " The dog"}) prompts.push_back(story + end);
  for (int i = 0; i < 5; ++i) prompts.push_back("The cat sat " + std::to_string(i));

  // With one slot each runs by itself.
  const std::vector<Text> alone =
      Write(prompts, /*num_slots=*/1, /*max_step_tokens=*/512, /*kv_cache_tokens=*/0, 100);
  EXPECT_EQ(Total(&StepStats::num_shared_tokens), 0);

  struct Case {
    int num_slots, max_step_tokens, kv_cache_tokens;
    size_t stagger;
    bool preempts;
  };
  for (const Case& c : std::vector<Case>{{12, 512, 0, 12, false},
                                         {12, 100, 0, 1, false},
                                         {12, 100, 400, 12, true},
                                         {12, 33, 500, 2, true}}) {
    observer_.steps.clear();
    EXPECT_EQ(Write(prompts, c.num_slots, c.max_step_tokens, c.kv_cache_tokens, c.stagger), alone)
        << c.max_step_tokens << " " << c.kv_cache_tokens;
    EXPECT_GT(Total(&StepStats::num_shared_tokens), 119);
    EXPECT_EQ(Total(&StepStats::num_preempted) > 0, c.preempts);
  }
}

}  // namespace
}  // namespace chorus::runner
