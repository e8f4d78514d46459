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

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class WeightMapTest : public testing::Test {
 protected:
  ~WeightMapTest() override { std::filesystem::remove(path_); }

  // A file with these tensors, two elements each.
  Checkpoint Open(const std::vector<std::pair<std::string, std::string>>& name_and_dtype) {
    std::string json = "{";
    size_t offset = 0;
    for (const auto& [name, dtype] : name_and_dtype) {
      const size_t end = offset + (dtype == "I64" || dtype == "C64" ? 16
                                   : dtype == "F32"                 ? 8
                                   : dtype == "I8"                  ? 2
                                                                    : 4);
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
      WeightMap::Create(file, {{.name = "a", .shape = {2}},
                               {.name = "b", .shape = {2}, .aliases = {"older.b", "old.b"}},
                               {.name = "c", .shape = {2}, .optional = true}});
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->at("b").size(), 2u);
  EXPECT_THAT(map->at("b").shape(), ElementsAre(2));
  // Bytes 01 01 as BF16.
  EXPECT_THAT(map->at("b").ReadAll(), testing::Each(std::bit_cast<float>(0x01010000u)));
  EXPECT_NE(map->Find("a"), nullptr);
  EXPECT_EQ(map->Find("c"), nullptr);
  EXPECT_THAT(map->ignored(), IsEmpty());
}

TEST_F(WeightMapTest, FindsTheNamesBehindAnyPrefix) {
  const std::vector<WeightSpec> specs = {{.name = "h.0.w", .shape = {2}},
                                         {.name = "h.0.b", .shape = {2}},
                                         {.name = "head.w", .shape = {2}}};
  for (const std::string prefix : {"", "model.", "transformer.", "a.b.c."}) {
    const Checkpoint file =
        Open({{prefix + "h.0.w", "F32"}, {prefix + "h.0.b", "F32"}, {"head.w", "F32"}});
    const absl::StatusOr<WeightMap> map = WeightMap::Create(file, specs);
    ASSERT_TRUE(map.ok()) << map.status();
    EXPECT_EQ(map->at("h.0.w").name(), prefix + "h.0.w");
    EXPECT_EQ(map->at("head.w").name(), "head.w");
  }
}

// A tower of another kind beside the model, with layers of the same names.
TEST_F(WeightMapTest, TakesThePrefixThatMostNamesHave) {
  const Checkpoint file =
      Open({{"text.embed", "F32"}, {"text.h.0.w", "F32"}, {"image.h.0.w", "F32"}});
  const absl::StatusOr<WeightMap> map =
      WeightMap::Create(file, {{.name = "h.0.w", .shape = {2}}, {.name = "embed", .shape = {2}}});
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->at("h.0.w").name(), "text.h.0.w");
  EXPECT_THAT(map->ignored(), ElementsAre("image.h.0.w"));
}

TEST_F(WeightMapTest, RefusesAModelThatIsThereTwice) {
  const Checkpoint file = Open({{"b.w", "F32"}, {"a.w", "F32"}, {"b.x", "F32"}, {"a.x", "F32"}});
  EXPECT_EQ(WeightMap::Create(file, {{.name = "w", .shape = {2}}, {.name = "x", .shape = {2}}})
                .status()
                .message(),
            path_ + ": the tensors are there twice, behind \"a.\" and \"b.\"");
}

TEST_F(WeightMapTest, OfTwoNamesTheFirstCounts) {
  const std::vector<WeightSpec> tied = {{.name = "wte", .shape = {2}, .aliases = {"lm_head"}},
                                        {.name = "wpe", .shape = {2}}};
  const auto name_of = [&](const std::vector<std::pair<std::string, std::string>>& tensors) {
    const Checkpoint file = Open(tensors);
    const absl::StatusOr<WeightMap> map = WeightMap::Create(file, tied);
    return map.ok() ? map->at("wte").name() : std::string(map.status().message());
  };
  EXPECT_EQ(name_of({{"m.wte", "F32"}, {"m.wpe", "F32"}}), "m.wte");
  EXPECT_EQ(name_of({{"lm_head", "F32"}, {"m.wte", "F32"}, {"m.wpe", "F32"}}), "m.wte");
  // Behind the prefix or not.
  EXPECT_EQ(name_of({{"lm_head", "F32"}, {"wpe", "F32"}}), "lm_head");
  EXPECT_EQ(name_of({{"m.lm_head", "F32"}, {"m.wpe", "F32"}}), "m.lm_head");
}

TEST_F(WeightMapTest, IgnoresWhatTheModelDoesNotAskFor) {
  const Checkpoint file = Open({{"a", "F32"},
                                {"h.12.mask", "I64"},
                                {"old.head", "F32"},
                                {"freqs_cis", "C64"},
                                {"of.a.later.format", "Q4"},
                                {"bytes", "I8"}});
  const absl::StatusOr<WeightMap> map = WeightMap::Create(file, {{.name = "a", .shape = {2}}});
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_THAT(map->ignored(),
              ElementsAre("h.12.mask", "old.head", "freqs_cis", "of.a.later.format", "bytes"));
  const absl::Status asked =
      WeightMap::Create(file, {{.name = "of.a.later.format", .shape = {2}}}).status();
  EXPECT_THAT(std::string(asked.message()),
              HasSubstr("not F32, F16 or BF16: of.a.later.format (is of an unknown type)"));
}

TEST_F(WeightMapTest, SaysThatWeightsAreQuantised) {
  const std::vector<WeightSpec> specs = {{.name = "a.weight", .shape = {2}}};
  for (const auto& [tensors, part] :
       std::vector<std::pair<std::vector<std::pair<std::string, std::string>>, std::string>>{
           {{{"a.qweight", "F16"}}, "(a.qweight)"},
           {{{"a.weight", "I8"}, {"a.SCB", "F32"}}, "(a.SCB)"},
           {{{"a.weight", "BF16"}, {"a.weight_scale", "BF16"}}, "(a.weight_scale)"},
           {{{"a.weight", "I8"}}, "(a.weight is I8)"}}) {
    const absl::Status status = WeightMap::Create(Open(tensors), specs).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                testing::AllOf(HasSubstr("the weights are quantised " + part),
                               HasSubstr("--dtype int8"), HasSubstr("dequantize")));
  }
}

TEST_F(WeightMapTest, SaysThatAnAdapterIsNotMerged) {
  const Checkpoint file =
      Open({{"a.base_layer.weight", "F32"}, {"a.lora_A.default.weight", "F32"}});
  const absl::Status status =
      WeightMap::Create(file, {{.name = "a.weight", .shape = {2}}}).status();
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(HasSubstr("missing: a.weight"), HasSubstr("merge_and_unload")));
}

TEST_F(WeightMapTest, NamesEveryFaultInOneMessage) {
  const Checkpoint file =
      Open({{"a", "F32"}, {"b", "I64"}, {"stray.1", "F32"}, {"h.12.mask", "I64"}});
  const absl::Status status =
      WeightMap::Create(file, {{.name = "a", .shape = {2, 1}},
                               {.name = "b", .shape = {2}},
                               {.name = "gone.1", .shape = {2}},
                               {.name = "gone.2", .shape = {2}},
                               {.name = "may.be.gone", .shape = {2}, .optional = true}})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            path_ +
                ": the tensors do not fit config.json; 1 of the wrong shape: a (is [2], must be "
                "[2, 1]); 1 of a type that is not F32, F16 or BF16: b (is I64); 2 missing: gone.1, "
                "gone.2");
}

TEST_F(WeightMapTest, TellsANearMiss) {
  const Checkpoint file = Open({{"m.h.0.norm.weight", "F32"}, {"m.h.0.norm.biass", "F32"}});
  EXPECT_THAT(std::string(WeightMap::Create(file, {{.name = "h.0.norm.weight", .shape = {2}},
                                                   {.name = "h.0.norm.bias", .shape = {2}}})
                              .status()
                              .message()),
              HasSubstr("1 missing: h.0.norm.bias (is h.0.norm.biass it?)"));
}

}  // namespace
}  // namespace chorus::runner
