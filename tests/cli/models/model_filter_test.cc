#include "cli/models/model_filter.h"

#include <gtest/gtest.h>

#include <string>

namespace chorus {
namespace {

store::Manifest Gpt2() {
  store::Manifest model{.tag = {"gpt2-generation", "v1"}};
  model.task = "generate";
  model.architecture = "GPT2LMHeadModel";
  model.labels = {{"stage", "live"}, {"team", "a=b"}};
  return model;
}

TEST(ModelFilter, TakesWhatMatchesAllThatIsGiven) {
  const ModelFilter kTaken[] = {
      {},
      {.name = "gpt2-generation"},
      {.name = "gpt2*"},
      {.name = "*generation"},
      {.name = "gpt?-generation"},
      {.name = "gpt2*:v1"},
      {.name = "*:v[12]"},
      {.labels = {"stage"}},
      {.labels = {"stage=live", "team=a=b"}},
      {.task = "generate"},
      {.architecture = "GPT2*"},
      {.name = "gpt2*", .labels = {"team"}, .task = "generate", .architecture = "GPT2LMHeadModel"},
  };
  for (const ModelFilter& filter : kTaken) {
    EXPECT_TRUE(Matches(filter, Gpt2())) << filter.name << filter.architecture;
  }
}

TEST(ModelFilter, LeavesOthers) {
  const ModelFilter kLeft[] = {
      {.name = "gpt2"},     {.name = "gpt2*:v2"},     {.name = "v1"},
      {.labels = {"stag"}}, {.labels = {"stage="}},   {.labels = {"stage=live", "absent"}},
      {.task = "classify"}, {.architecture = "GPT2"}, {.name = "gpt2*", .task = "classify"},
  };
  for (const ModelFilter& filter : kLeft) {
    EXPECT_FALSE(Matches(filter, Gpt2())) << filter.name << filter.architecture;
  }
}

}  // namespace
}  // namespace chorus
