#pragma once

// The executor that the tests of models run: native, or what CHORUS_TEST_EXECUTOR and
// CHORUS_TEST_DEVICE name; CHORUS_TEST_FIXED_SHAPES gives steps the shapes that they have on a
// device that records them. The same tests hold for each; those that compare to the bit allow the
// last bits to an executor that does not promise them.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "runner_server/model/find_executor.h"
#include "runner_server/model/load_model.h"

namespace chorus::runner {

inline bool TestsTorch() {
  const char* name = std::getenv("CHORUS_TEST_EXECUTOR");
  return name != nullptr && std::string(name) == "torch";
}

// `options` with the executor under test.
inline ModelOptions UnderTest(ModelOptions options) {
  if (!TestsTorch()) return options;
  const absl::StatusOr<const Executor*> executor = FindExecutor("torch", "cpu");
  EXPECT_TRUE(executor.ok()) << executor.status();
  options.executor = *executor;
  options.fixed_shapes = std::getenv("CHORUS_TEST_FIXED_SHAPES") != nullptr;
  if (const char* device = std::getenv("CHORUS_TEST_DEVICE")) options.device = device;
  return options;
}

inline std::vector<Precision> PrecisionsUnderTest() {
  if (TestsTorch()) return {Precision::kFloat32, Precision::kBfloat16, Precision::kFloat16};
  return {std::begin(kPrecisions), std::end(kPrecisions)};
}

// Whether two results of one input are the same: to the bit, if the model promises that.
inline testing::AssertionResult IsSame(const auto& model, Precision precision,
                                       std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return testing::AssertionFailure() << a.size() << ", " << b.size();
  if (model.batch_invariant()) {
    if (std::ranges::equal(a, b)) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "other bits";
  }
  double difference = 0, largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, std::abs(double{a[i]} - b[i]));
    largest = std::max(largest, std::abs(double{b[i]}));
  }
  const double bound = precision == Precision::kFloat32 ? 1e-5 : 0.05;
  if (difference <= bound * largest) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "differs by " << difference / largest;
}

}  // namespace chorus::runner
