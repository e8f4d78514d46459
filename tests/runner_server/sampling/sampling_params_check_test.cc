#include "runner_server/sampling/sampling_params_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace chorus {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(CheckSamplingParams, AcceptsTheBounds) {
  EXPECT_TRUE(CheckSamplingParams({}).ok());
  for (const SamplingParams& params : std::vector<SamplingParams>{{.temperature = 1e-6},
                                                                  {.temperature = 1e6},
                                                                  {.top_k = 0},
                                                                  {.top_p = 1e-9},
                                                                  {.top_p = 1},
                                                                  {.min_p = 0},
                                                                  {.min_p = 1},
                                                                  {.repetition_penalty = 1e-6},
                                                                  {.repetition_penalty = 1e6}}) {
    EXPECT_TRUE(CheckSamplingParams(params).ok());
  }
}

TEST(CheckSamplingParams, NamesTheFieldAndItsValue) {
  struct Case {
    SamplingParams params;
    std::string message;
  };
  for (const auto& [params, message] : std::vector<Case>{
           {{.temperature = -1.5}, "temperature must be a finite number, at least 0: -1.5"},
           {{.temperature = kNan}, "temperature must be a finite number, at least 0: nan"},
           {{.temperature = kInfinity}, "temperature must be a finite number, at least 0: inf"},
           {{.top_p = 0}, "top_p must be above 0 and at most 1: 0"},
           {{.top_p = 1.01}, "top_p must be above 0 and at most 1: 1.01"},
           {{.top_p = -kInfinity}, "top_p must be above 0 and at most 1: -inf"},
           {{.top_p = kNan}, "top_p must be above 0 and at most 1: nan"},
           {{.min_p = -0.1}, "min_p must be at least 0 and at most 1: -0.1"},
           {{.min_p = 1.01}, "min_p must be at least 0 and at most 1: 1.01"},
           {{.min_p = kNan}, "min_p must be at least 0 and at most 1: nan"},
           {{.repetition_penalty = 0}, "repetition_penalty must be a finite number above 0: 0"},
           {{.repetition_penalty = -2}, "repetition_penalty must be a finite number above 0: -2"},
           {{.repetition_penalty = kInfinity},
            "repetition_penalty must be a finite number above 0: inf"},
           {{.repetition_penalty = kNan},
            "repetition_penalty must be a finite number above 0: nan"}}) {
    const absl::Status status = CheckSamplingParams(params);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_EQ(status.message(), message);
  }
}

TEST(CheckSamplingParams, IgnoresEverythingButThePenaltyWhenGreedy) {
  EXPECT_TRUE(
      CheckSamplingParams({.do_sample = false, .temperature = -1, .top_p = kNan, .min_p = 2}).ok());
  EXPECT_TRUE(CheckSamplingParams({.temperature = 0, .top_p = kNan, .min_p = 2}).ok());
  EXPECT_EQ(CheckSamplingParams({.do_sample = false, .repetition_penalty = 0}).message(),
            "repetition_penalty must be a finite number above 0: 0");
}

}  // namespace
}  // namespace chorus
