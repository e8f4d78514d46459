// Fields that change what transformers computes, of every architecture that does not follow them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {
namespace {

using nlohmann::json;
using testing::HasSubstr;

absl::Status Read(const ArchitectureRow& row, const json& config) {
  ConfigReader reader(config);
  RefuseWhatFewRead(reader, row.read(reader));
  return reader.status();
}

struct Refusal {
  std::vector<std::string> model_types;  // Empty: all.
  json config;
  const char* message;
};

void ExpectRefused(const Refusal& refusal) {
  int num_refused = 0;
  for (const ArchitectureRow& row : ArchitectureTable()) {
    const std::string model_type(row.model_type);
    if (!refusal.model_types.empty() &&
        std::ranges::find(refusal.model_types, model_type) == refusal.model_types.end()) {
      continue;
    }
    const absl::Status status = Read(row, refusal.config);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument)
        << row.name << " " << refusal.config;
    EXPECT_THAT(std::string(status.message()), HasSubstr(refusal.message));
    ++num_refused;
  }
  EXPECT_GE(num_refused, static_cast<int>(refusal.model_types.size()));
  EXPECT_GT(num_refused, 0);
}

TEST(RefuseWhatFewRead, TakesAllArchitecturesAsTheyAre) {
  for (const json& config :
       {json::object(), json{{"pruned_heads", json::object()}, {"is_encoder_decoder", false}},
        json{{"sliding_window", nullptr}, {"attention_chunk_size", nullptr}},
        json{{"attention_chunk_size", 1 << 20}}}) {
    for (const ArchitectureRow& row : ArchitectureTable()) {
      const absl::Status status = Read(row, config);
      EXPECT_TRUE(status.ok()) << row.name << " " << config << ": " << status;
    }
  }
}

TEST(RefuseWhatFewRead, RefusesHeadsThatHaveBeenPruned) {
  ExpectRefused({{}, {{"pruned_heads", {{"1", {0, 2}}}}}, "pruned_heads must be empty: "});
}

// A cache of transformers has a window where the config does, whatever the architecture.
TEST(RefuseWhatFewRead, RefusesWindowsOfArchitecturesWithout) {
  const std::vector<std::string> without = {"gpt2", "gpt_neo", "gpt_neox", "opt", "llama"};
  ExpectRefused({without, {{"sliding_window", 16}}, "sliding_window must be null"});
  ExpectRefused({without, {{"layer_types", {"sliding_attention"}}}, "layer_types must be full"});
  ExpectRefused({{"gpt2", "llama", "mistral", "qwen2", "qwen3", "phi3", "gemma2", "gemma3_text"},
                 {{"attention_chunk_size", 16}},
                 "attention_chunk_size must be null: 16"});
  ExpectRefused({{"qwen2", "qwen3"},
                 {{"layer_types", {"sliding_attention"}}},
                 "use_sliding_window is false: sliding_attention"});
  for (const ArchitectureRow& row : ArchitectureTable()) {  // Of the context's length it has none.
    if (std::ranges::find(without, row.model_type) == without.end()) continue;
    EXPECT_TRUE(Read(row, {{"sliding_window", 2048}, {"max_position_embeddings", 2048}}).ok());
  }
}

TEST(RefuseWhatFewRead, RefusesPositionsOfAPartOfAHead) {
  const std::vector<std::string> rotary = {"llama",  "mistral",     "qwen2",     "qwen3",
                                           "gemma2", "gemma3_text", "modernbert"};
  ExpectRefused({rotary, {{"partial_rotary_factor", 0.5}}, "partial_rotary_factor must be 1"});
  ExpectRefused({{"gpt_neox", "modernbert"}, {{"head_dim", 32}}, "head_dim must be "});
}

TEST(RefuseWhatFewRead, RefusesGeneratorsThatWouldNeedAnEncoder) {
  ExpectRefused({{"gpt2", "opt", "llama"}, {{"is_encoder_decoder", true}}, "is_encoder_decoder"});
}

// What transformers saves has both; attention_layers counts.
TEST(ReadGptNeo, FollowsTheLayersThatAreWrittenOut) {
  for (const ArchitectureRow& row : ArchitectureTable()) {
    if (row.model_type != "gpt_neo") continue;
    json config = {{"num_layers", 2}, {"window_size", 7}};
    config["attention_types"] = json::parse(R"([[["global", "local"], 1]])");
    config["attention_layers"] = {"local", "global"};
    ConfigReader reader(config);
    const Architecture neo = row.read(reader);
    ASSERT_TRUE(reader.status().ok()) << reader.status();
    EXPECT_EQ(neo.attention[0].window, 7);
    EXPECT_EQ(neo.attention[1].window, 0);
    config["attention_layers"] = {"local"};
    EXPECT_THAT(std::string(Read(row, config).message()),
                HasSubstr("attention_layers must have one kind for each of num_layers: 1"));
  }
}

}  // namespace
}  // namespace chorus::runner
