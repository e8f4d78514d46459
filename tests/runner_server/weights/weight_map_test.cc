#include "runner_server/weights/weight_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/runner_server/weights/open_checkpoint.h"
#include "tests/runner_server/weights/safetensors_bytes.h"

namespace chorus::runner {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class WeightMapTest : public testing::Test {
 protected:
  ~WeightMapTest() override { std::filesystem::remove(path_); }

  // A file with these tensors, two elements each.
  Checkpoint Open(const std::vector<std::pair<std::string, std::string>>& name_and_dtype) {
    std::string json = "{";
    size_t offset = 0;
    for (const auto& [name, dtype] : name_and_dtype) {
      const size_t end = offset + (dtype == "I64" ? 16 : dtype == "F32" ? 8 : 4);
      json += (offset > 0 ? ",\"" : "\"") + name + R"(":{"dtype":")" + dtype +
              R"(","shape":[2],"data_offsets":[)" + std::to_string(offset) + "," +
              std::to_string(end) + "]}";
      offset = end;
    }
    WriteBytes(path_, SafetensorsBytes(json + "}", offset));
    return OpenCheckpoint(path_);
  }

  const std::string path_ = testing::TempDir() + "/weight_map_test.safetensors";
};

TEST_F(WeightMapTest, FindsTensorsByNameAndAlias) {
  const Checkpoint file = Open({{"a", "F32"}, {"old.b", "BF16"}});
  const absl::StatusOr<WeightMap> map =
      WeightMap::Create(file,
                        {{.name = "a", .shape = {2}},
                         {.name = "b", .shape = {2}, .aliases = {"older.b", "old.b"}},
                         {.name = "c", .shape = {2}, .optional = true}},
                        {});
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->at("b").size(), 2u);
  EXPECT_THAT(map->at("b").shape(), ElementsAre(2));
  // Bytes 01 01 as BF16.
  EXPECT_THAT(map->at("b").ReadAll(), testing::Each(std::bit_cast<float>(0x01010000u)));
  EXPECT_NE(map->Find("a"), nullptr);
  EXPECT_EQ(map->Find("c"), nullptr);
}

TEST_F(WeightMapTest, NamesEveryFaultInOneMessage) {
  const Checkpoint file = Open({{"a", "F32"},
                                {"b", "I64"},
                                {"old.c", "F32"},
                                {"c", "F32"},
                                {"stray.1", "F32"},
                                {"stray.2", "F32"},
                                {"h.12.mask", "I64"}});
  const absl::Status status =
      WeightMap::Create(file,
                        {{.name = "a", .shape = {2, 1}},
                         {.name = "b", .shape = {2}},
                         {.name = "c", .shape = {2}, .aliases = {"old.c"}},
                         {.name = "gone.1", .shape = {2}},
                         {.name = "gone.2", .shape = {2}},
                         {.name = "may.be.gone", .shape = {2}, .optional = true}},
                        {"h.#.mask"})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      std::string(status.message()),
      AllOf(StartsWith(path_), HasSubstr("2 missing: gone.1, gone.2"),
            HasSubstr("2 unexpected: stray.1, stray.2;"),
            HasSubstr("1 of the wrong shape: a (is [2], must be [2, 1]);"),
            HasSubstr("1 of a type that is not F32, F16 or BF16: b (is I64);"),
            HasSubstr("1 under two names: c"), Not(HasSubstr("may.be")), Not(HasSubstr("mask"))));
}

TEST(MatchesNamePattern, KnowsNumbersAndRests) {
  EXPECT_TRUE(MatchesNamePattern("h.#.attn.bias", "h.0.attn.bias"));
  EXPECT_TRUE(MatchesNamePattern("h.#.attn.bias", "h.123.attn.bias"));
  EXPECT_FALSE(MatchesNamePattern("h.#.attn.bias", "h..attn.bias"));
  EXPECT_FALSE(MatchesNamePattern("h.#.attn.bias", "h.x.attn.bias"));
  EXPECT_FALSE(MatchesNamePattern("h.#.attn.bias", "h.0.attn.bias.more"));
  EXPECT_TRUE(MatchesNamePattern("cls.*", "cls.predictions.bias"));
  EXPECT_TRUE(MatchesNamePattern("cls.*", "cls."));
  EXPECT_FALSE(MatchesNamePattern("cls.*", "cls"));
  EXPECT_TRUE(MatchesNamePattern("*.bias", "a.b.bias"));
  EXPECT_FALSE(MatchesNamePattern("", "x"));
}

}  // namespace
}  // namespace chorus::runner
