#include "runner_server/scheduler/prefix_sharing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace chorus::runner {
namespace {

// `num_tokens` tokens that differ from those of other kinds from the `num_common`th on.
std::unique_ptr<Sequence> MakeSequence(int num_tokens, int num_cached, int num_common = 1 << 20,
                                       int kind = 1) {
  auto sequence = std::make_unique<Sequence>();
  for (int i = 0; i < num_tokens; ++i) sequence->tokens.push_back(i < num_common ? i : -kind);
  sequence->num_prompt_tokens = num_tokens;
  sequence->num_cached = num_cached;
  return sequence;
}

TEST(CommonPrefix, CountsEqualTokens) {
  using Ids = std::vector<int32_t>;
  EXPECT_EQ(CommonPrefix(Ids{}, Ids{1}), 0);
  EXPECT_EQ(CommonPrefix(Ids{1, 2, 3}, Ids{1, 2, 4}), 2);
  EXPECT_EQ(CommonPrefix(Ids{1, 2, 3}, Ids{1, 2, 3, 4}), 3);
  EXPECT_EQ(CommonPrefix(Ids{2}, Ids{1}), 0);
}

TEST(FindPrefixShare, DecidesAsTheTableSays) {
  struct Other {
    int num_tokens, num_cached, num_common;
  };
  struct Case {
    std::string what;
    int num_tokens;
    std::vector<Other> older, younger;
    int from;  // Index among older, then younger; -1: none.
    int num_shared;
    bool worth_waiting;
  };
  for (const Case& c : std::vector<Case>{
           {"alone", 100, {}, {}, -1, 0, false},
           {"an equal prompt that is through", 40, {{40, 40, 40}}, {}, 0, 39, false},
           {"one that has gone on", 40, {{60, 59, 60}}, {}, 0, 39, false},
           {"too little in common", 40, {{40, 40, 15}}, {}, -1, 0, false},
           {"just enough in common", 40, {{40, 40, 16}}, {}, 0, 16, false},
           {"the one with most", 40, {{40, 40, 20}, {40, 40, 30}, {40, 40, 25}}, {}, 1, 30, false},
           {"a younger one will do", 40, {}, {{40, 40, 40}}, 0, 39, false},
           {"only what is cached", 60, {{60, 20, 60}}, {}, 0, 20, false},
           {"a short prompt does not wait", 60, {{60, 0, 60}}, {}, -1, 0, false},
           {"a long one does", 65, {{65, 0, 65}}, {}, -1, 0, true},
           {"63 tokens to come", 64, {{65, 0, 65}}, {}, -1, 0, false},
           {"half is there already", 129, {{129, 64, 129}}, {}, 0, 64, true},
           {"never for a younger one", 100, {}, {{100, 0, 100}}, -1, 0, false},
           {"long but different", 100, {{100, 0, 63}}, {}, -1, 0, false}}) {
    std::vector<std::unique_ptr<Sequence>> running;
    for (const Other& other : c.older) {
      running.push_back(MakeSequence(other.num_tokens, other.num_cached, other.num_common));
    }
    running.push_back(MakeSequence(c.num_tokens, 0));
    const Sequence& sequence = *running.back();
    for (const Other& other : c.younger) {
      running.push_back(MakeSequence(other.num_tokens, other.num_cached, other.num_common));
    }
    const PrefixShare share = FindPrefixShare(sequence, running);
    std::erase_if(running, [&](const auto& other) { return other.get() == &sequence; });
    EXPECT_EQ(share.from, c.from < 0 ? nullptr : running[c.from].get()) << c.what;
    EXPECT_EQ(share.num_tokens, c.num_shared) << c.what;
    EXPECT_EQ(share.worth_waiting, c.worth_waiting) << c.what;
  }
}

}  // namespace
}  // namespace chorus::runner
