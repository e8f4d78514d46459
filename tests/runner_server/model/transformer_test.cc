#include "runner_server/model/transformer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace chorus::runner {
namespace {

using testing::HasSubstr;

Architecture LikeGpt2() {
  return {.num_heads = 4,
          .num_kv_heads = 4,
          .norm_place = NormPlace::kBeforeSublayer,
          .head = LanguageModelHead()};
}

Architecture LikeBert() {
  return {.num_heads = 4,
          .num_kv_heads = 4,
          .norm_place = NormPlace::kAfterSublayer,
          .head = ClassificationHead()};
}

TEST(CheckImplemented, TakesWhatTheExecutorsRun) {
  EXPECT_TRUE(CheckImplemented(LikeGpt2()).ok());
  EXPECT_TRUE(CheckImplemented(LikeBert()).ok());
}

TEST(CheckImplemented, RefusesEveryOtherValueByName) {
  std::vector<std::pair<Architecture, std::string>> cases;
  const auto add = [&cases](Architecture architecture, const std::string& message, auto change) {
    change(architecture);
    cases.emplace_back(std::move(architecture), message);
  };
  add(LikeGpt2(), "RMSNorm", [](Architecture& a) { a.norm = NormKind::kRmsNorm; });
  add(LikeGpt2(), "rotary positions", [](Architecture& a) { a.positions = Positions::kRotary; });
  add(LikeGpt2(), "heads share", [](Architecture& a) { a.num_kv_heads = 2; });
  add(LikeGpt2(), "without biases", [](Architecture& a) { a.has_biases = false; });
  add(LikeGpt2(), "a gated MLP", [](Architecture& a) { a.mlp = MlpKind::kGated; });
  add(LikeGpt2(), "norms come after",
      [](Architecture& a) { a.norm_place = NormPlace::kAfterSublayer; });
  add(LikeGpt2(), "leave out a padding token", [](Architecture& a) { a.padding_id = 1; });
  add(LikeGpt2(), "in several tensors", [](Architecture& a) {
    a.names.transposed_in_layers = true;
    a.names.qkv = {"q", "k", "v"};
  });
  add(LikeBert(), "norms come before",
      [](Architecture& a) { a.norm_place = NormPlace::kBeforeSublayer; });
  add(LikeBert(), "mean pooling",
      [](Architecture& a) { a.head = ClassificationHead{.pooling = Pooling::kMean}; });
  for (const auto& [architecture, message] : cases) {
    const absl::Status status = CheckImplemented(architecture);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace chorus::runner
