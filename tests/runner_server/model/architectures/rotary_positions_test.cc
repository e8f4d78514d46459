// Rotary positions where two fields say where their context ends (generators_test.cc has the rest).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "runner_server/model/architectures/table.h"

namespace chorus::runner {
namespace {

using nlohmann::json;

Architecture ReadLlama(const json& config) {
  const auto row = std::ranges::find(ArchitectureTable(), "llama", &ArchitectureRow::model_type);
  ConfigReader reader(config);
  const Architecture architecture = row->read(reader);
  EXPECT_TRUE(reader.status().ok()) << reader.status();
  return architecture;
}

// As transformers 4.57.6 has it: the original context is the config's own, the factor
// rope_scaling's unless that is there.
TEST(AddRotaryPositions, LongRopeTakesTheOriginalContextOfTheConfigAlone) {
  const std::vector<float> factors(32, 2);
  const auto read = [&](const json& scaling, json config = json::object()) {
    config.update({{"head_dim", 64}, {"max_position_embeddings", 400}});
    config["rope_scaling"] = {{"type", "longrope"}, {"short_factor", factors}};
    config["rope_scaling"].update(scaling);
    return ReadLlama(config);
  };
  const auto scale = [](double factor, double context) {
    return std::sqrt(1 + std::log(factor) / std::log(context));
  };
  const Architecture own = read({{"factor", 2}}, {{"original_max_position_embeddings", 100}});
  EXPECT_EQ(own.context_size, 100);
  EXPECT_NEAR(own.rotaries[0].scale, scale(4, 100), 1e-6);
  const Architecture same = read({{"factor", 2}}, {{"original_max_position_embeddings", 400}});
  EXPECT_EQ(same.rotaries[0].scale, 1);
  const Architecture inside = read({{"factor", 2}, {"original_max_position_embeddings", 100}});
  EXPECT_EQ(inside.context_size, 400);
  EXPECT_NEAR(inside.rotaries[0].scale, scale(2, 400), 1e-6);
  EXPECT_NEAR(read({{"attention_factor", 0.7}}).rotaries[0].scale, 0.7, 1e-6);
}

}  // namespace
}  // namespace chorus::runner
