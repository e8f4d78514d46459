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

TEST(CheckImplemented, RefusesEveryOtherValueByName) {
  const Architecture plain = {.num_heads = 4, .num_kv_heads = 4, .names = {.qkv = {"qkv"}}};
  EXPECT_TRUE(CheckImplemented(plain).ok());
  std::vector<std::pair<Architecture, std::string>> cases;
  const auto add = [&](const std::string& message, auto change) {
    cases.emplace_back(plain, message);
    change(cases.back().first);
  };
  add("in several tensors", [](Architecture& a) {
    a.names.transposed_in_layers = true;
    a.names.qkv = {"q", "k", "v"};
  });
  add("a gated MLP with transposed weights", [](Architecture& a) {
    a.names.transposed_in_layers = true;
    a.gated_mlp = true;
  });
  add("head by head", [](Architecture& a) {
    a.names.qkv_by_head = true;
    a.num_kv_heads = 2;
  });
  for (const auto& [architecture, message] : cases) {
    const absl::Status status = CheckImplemented(architecture);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace chorus::runner
