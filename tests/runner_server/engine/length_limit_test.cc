#include "runner_server/engine/length_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace chorus::runner {
namespace {

constexpr uint32_t kHuge = std::numeric_limits<uint32_t>::max();

TEST(CheckLengthLimit, RefusesMaxLengthOverTheContext) {
  EXPECT_TRUE(CheckLengthLimit({.max_length = 0, .context_size = 256}).ok());
  EXPECT_TRUE(CheckLengthLimit({.max_length = 256, .context_size = 256}).ok());
  const absl::Status refused = CheckLengthLimit({.max_length = 4096, .context_size = 256});
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused.message(), "max_length must be at most 256: 4096");
  // max_new_tokens wins, so max_length is not looked at.
  EXPECT_TRUE(
      CheckLengthLimit({.max_length = 4096, .max_new_tokens = 1, .context_size = 256}).ok());
}

TEST(MaxTokens, CountsThePrompt) {
  struct Case {
    LengthLimit limit;
    int num_prompt_tokens;
    int max_tokens;
  };
  for (const Case& c : std::vector<Case>{{{0, {}, 256}, 10, 128},
                                         {{0, {}, 64}, 10, 64},
                                         {{128, {}, 256}, 10, 128},
                                         {{128, {}, 256}, 127, 128},
                                         {{128, 5, 256}, 10, 15},
                                         {{128, 5, 256}, 200, 205},
                                         {{0, 1000, 256}, 10, 256},
                                         {{0, kHuge, 256}, 255, 256},
                                         {{0, 0, 256}, 10, 10},
                                         {{0, 0, 256}, 256, 256},
                                         {{0, {}, 256, 96}, 10, 96},
                                         {{128, {}, 256, 96}, 10, 96},
                                         {{64, {}, 256, 96}, 10, 64},
                                         {{128, 90, 256, 96}, 10, 96},
                                         {{128, 5, 256, 96}, 95, 96}}) {
    const absl::StatusOr<int> max_tokens = MaxTokens(c.limit, c.num_prompt_tokens);
    ASSERT_TRUE(max_tokens.ok()) << max_tokens.status();
    EXPECT_EQ(*max_tokens, c.max_tokens);
  }
}

TEST(MaxTokens, RefusesAPromptThatLeavesNoRoom) {
  struct Case {
    LengthLimit limit;
    int num_prompt_tokens;
    std::string message;
  };
  for (
      const Case& c : std::vector<Case>{
          {{0, {}, 256},
           130,
           "the prompt has 130 tokens, max_length is 128 (prompt and new tokens; 128 where neither "
           "request nor graph gives it): shorten the prompt, raise max_length, to at most 256, or "
           "give max_new_tokens"},
          {{128, {}, 256},
           128,
           "the prompt has 128 tokens, max_length is 128 (prompt and new tokens; 128 where neither "
           "request nor graph gives it): shorten the prompt, raise max_length, to at most 256, or "
           "give max_new_tokens"},
          {{128, {}, 256},
           300,
           "the prompt has 300 tokens, the model's context is 256: shorten the prompt"},
          {{0, 5, 256},
           256,
           "the prompt has 256 tokens, the model's context is 256: shorten the prompt"},
          {{0, 5, 256, 96},
           96,
           "the prompt has 96 tokens, the runner's KV cache has memory for 96 "
           "(--kv_cache_bytes): shorten the prompt"}}) {
    const absl::StatusOr<int> max_tokens = MaxTokens(c.limit, c.num_prompt_tokens);
    EXPECT_EQ(max_tokens.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(max_tokens.status().message(), c.message);
  }
}

}  // namespace
}  // namespace chorus::runner
