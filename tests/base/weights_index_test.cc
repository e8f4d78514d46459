#include "base/weights_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tests/base/temp_directory.h"

namespace chorus {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::StartsWith;

absl::StatusOr<WeightsIndex> Read(const std::string& text,
                                  const std::string& name = "model.safetensors.index.json") {
  const TempDirectory folder;
  std::ofstream(folder.path() / name) << text;
  absl::StatusOr<WeightsIndex> index = ReadWeightsIndex(folder.path() / name);
  if (!index.ok()) {
    EXPECT_THAT(std::string(index.status().message()),
                StartsWith((folder.path() / name).native() + ": "));
  }
  return index;
}

TEST(WeightsIndex, SaysWhichFileHoldsATensor) {
  EXPECT_THAT(*Read(R"({"metadata": {"total_size": 1e400, "x": NaN},
                        "weight_map": {"b": "model-2.safetensors", "a": "model-1.safetensors"}})"),
              ElementsAre(Pair("a", "model-1.safetensors"), Pair("b", "model-2.safetensors")));
  EXPECT_THAT(
      *Read(R"({"weight_map": {"a": "pytorch_model-1.bin"}})", "pytorch_model.bin.index.json"),
      ElementsAre(Pair("a", "pytorch_model-1.bin")));
}

TEST(WeightsIndex, NamesNothingButShardsBesideIt) {
  for (const auto& [text, what] : std::vector<std::pair<std::string, std::string>>{
           {"{", "line 1"},
           {"[]", "must hold a JSON object"},
           {"{}", "weight_map must give"},
           {R"({"weight_map": []})", "weight_map must give"},
           {R"({"weight_map": {}})", "weight_map must give"},
           {R"({"weight_map": {"a": 1}})", "the file of \"a\" must be one in this folder"},
           {R"({"weight_map": {"a": "../a.safetensors"}})", "\"../a.safetensors\""},
           {R"({"weight_map": {"a": "/a.safetensors"}})", "\"/a.safetensors\""},
           {R"({"weight_map": {"a": ".a.safetensors"}})", "\".a.safetensors\""},
           {R"({"weight_map": {"a": ""}})", "that ends with .safetensors: \"\""},
           {R"({"weight_map": {"a": "a\u0000.safetensors"}})", "must be one in this folder"},
           {R"({"weight_map": {"a": "pytorch_model.bin"}})", "that ends with .safetensors: "}}) {
    const absl::Status status = Read(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
  }
  EXPECT_THAT(std::string(Read(R"({"weight_map": {"a": "model.safetensors"}})",
                               "pytorch_model.bin.index.json")
                              .status()
                              .message()),
              HasSubstr("that ends with .bin"));
}

}  // namespace
}  // namespace chorus
