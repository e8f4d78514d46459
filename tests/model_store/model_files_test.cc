#include "model_store/model_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/base/temp_directory.h"
#include "tests/runner_server/weights/safetensors_bytes.h"

namespace chorus::store {
namespace {

TEST(DescribeWeights, CountsTheFloatingPointElementsAndNamesTheirType) {
  const TempDirectory folder;
  PutFile(
      folder / "model.safetensors",
      runner::SafetensorsBytes(R"({"a": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]},
                      "b": {"dtype": "F32", "shape": [2], "data_offsets": [12, 20]},
                      "position_ids": {"dtype": "I64", "shape": [10], "data_offsets": [20, 100]}})",
                               100));
  const absl::StatusOr<WeightsDescription> weights = DescribeWeights(folder.path());
  ASSERT_TRUE(weights.ok()) << weights.status();
  EXPECT_EQ(weights->num_parameters, 8);
  EXPECT_EQ(weights->dtype, "bfloat16");
}

TEST(DescribeWeights, SaysWhyItCannot) {
  const TempDirectory folder;
  EXPECT_TRUE(absl::IsNotFound(DescribeWeights(folder.path()).status()));
  PutFile(folder / "model.safetensors", "no weights");
  EXPECT_TRUE(absl::IsInvalidArgument(DescribeWeights(folder.path()).status()));
}

TEST(ListModelFiles, TakesTheFoldersOfModulesAlone) {
  const TempDirectory folder;
  for (const char* name :
       {"config.json", "modules.json", "1_Pooling/config.json", "2_Dense/model.safetensors",
        "2_Dense/deeper/x", "2_Dense/.hidden", "onnx/model.onnx", "manifest.json"}) {
    PutFile(folder / name, "{}");
  }
  const absl::StatusOr<std::vector<std::string>> names = ListModelFiles(folder.path());
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(*names, testing::ElementsAre("1_Pooling/config.json", "2_Dense/model.safetensors",
                                           "config.json", "modules.json"));
}

TEST(ListModelFiles, FindsTheModelInAFolderOfItsOwn) {
  const TempDirectory folder;
  PutFile(folder / "0_Transformer/config.json", R"({"architectures": ["BertModel"]})");
  EXPECT_TRUE(absl::IsNotFound(ListModelFiles(folder.path()).status()));
  PutFile(folder / "modules.json", R"([{"type": "models.Transformer", "path": "0_Transformer"}])");
  const absl::StatusOr<std::vector<std::string>> names = ListModelFiles(folder.path());
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(*names, testing::ElementsAre("0_Transformer/config.json", "modules.json"));
  EXPECT_EQ(DescribeModel(folder.path())->task, "embed");
}

TEST(LicenceOf, ReadsTheModelCard) {
  const struct {
    const char* card;
    const char* licence;
  } kCases[] = {
      {"---\nlanguage: en\nlicense: mit\n---\n# GPT-2\n", "mit"},
      {"---\nlicense: [mit, apache-2.0]\n---\n", "mit, apache-2.0"},
      {"---\nlicense: other\nlicense_name: gemma\n---\n", "gemma"},
      {"---\nlicense: other\n---\n", "other"},
      {"---\nlicense: {a: b}\n---\n", ""},
      {"---\nlanguage: en\n---\nlicense: mit\n", ""},
      {"license: mit\n", ""},
      {"---\nlicense: mit\n", ""},  // Without an end.
      {"---\nlicense: \x1B]0;pwn\x07mit\n---\n", " ]0;pwn mit"},
      {"---\nlicense: \"a\\e[31m\\nb\"\n---\n", "a [31m b"},
      {"---\n: : [\n---\n", ""},
      {"", ""},
  };
  for (const auto& c : kCases) {
    const TempDirectory folder;
    EXPECT_EQ(LicenceOf(folder.path()), "");
    PutFile(folder / "README.md", c.card);
    EXPECT_EQ(LicenceOf(folder.path()), c.licence) << c.card;
  }
}

}  // namespace
}  // namespace chorus::store
