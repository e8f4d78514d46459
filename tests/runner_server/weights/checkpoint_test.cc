#include "runner_server/weights/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tests/base/temp_directory.h"
#include "tests/runner_server/weights/safetensors_bytes.h"

namespace chorus::runner {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// A file with these tensors of a byte each.
std::string FileOf(const std::vector<std::string>& names) {
  std::string json;
  for (size_t i = 0; i < names.size(); ++i) {
    json += (i == 0 ? "{\"" : ",\"") + names[i] +
            R"(":{"dtype":"U8","shape":[1],"data_offsets":[)" + std::to_string(i) + "," +
            std::to_string(i + 1) + "]}";
  }
  return SafetensorsBytes(json + "}", names.size());
}

class CheckpointTest : public testing::Test {
 protected:
  void Write(const std::string& name, std::string_view bytes) {
    WriteBytes(folder_.path() / name, bytes);
  }
  // Two shards that their index describes.
  void WriteShards() {
    Write("model-00001-of-00002.safetensors", FileOf({"a", "b"}));
    Write("model-00002-of-00002.safetensors", FileOf({"c"}));
    WriteIndex({{"a", 1}, {"b", 1}, {"c", 2}});
  }
  void WriteIndex(const std::vector<std::pair<std::string, int>>& shard_of) {
    std::string map;
    for (const auto& [tensor, shard] : shard_of) {
      map += (map.empty() ? "\"" : ",\"") + tensor + "\":\"model-0000" + std::to_string(shard) +
             "-of-00002.safetensors\"";
    }
    Write("model.safetensors.index.json",
          R"({"metadata":{"total_size":3},"weight_map":{)" + map + "}}");
  }
  absl::StatusOr<Checkpoint> Open() {
    const absl::StatusOr<ModelWeights> weights = FindModelWeights(folder_.path(), "");
    if (!weights.ok()) return weights.status();
    return Checkpoint::Open(*weights);
  }
  void ExpectFault(const std::string& what) {
    const absl::Status status = Open().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(StartsWith(folder_.path().native()), HasSubstr(what)));
  }

  const TempDirectory folder_;
};

TEST_F(CheckpointTest, HasTheTensorsOfOneFile) {
  const std::string json = R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                           R"("b":{"dtype":"U8","shape":[3],"data_offsets":[2,5]}})";
  Write("model.safetensors", LittleEndian(json.size()) + json + "hello");
  absl::StatusOr<Checkpoint> opened = Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  const StoredTensor* first = opened->tensors().data();
  const Checkpoint checkpoint = *std::move(opened);
  EXPECT_EQ(checkpoint.path(), folder_.path() / "model.safetensors");
  ASSERT_EQ(checkpoint.tensors().size(), 2u);
  EXPECT_EQ(checkpoint.tensors().data(), first);  // The tensors stay where they are.
  EXPECT_EQ(checkpoint.tensors()[0].name, "a");
  EXPECT_EQ(checkpoint.tensors()[0].data, "he");
  EXPECT_EQ(checkpoint.tensors()[1].data, "llo");
}

TEST_F(CheckpointTest, NamesTheFileThatIsNotSound) {
  Write("model.safetensors", SafetensorsBytes("{}", 1));
  ExpectFault("model.safetensors: not a sound safetensors file");
  WriteShards();
  std::filesystem::remove(folder_.path() / "model.safetensors");
  Write("model-00002-of-00002.safetensors", SafetensorsBytes("{}", 1));
  ExpectFault("model-00002-of-00002.safetensors: not a sound safetensors file");
}

TEST_F(CheckpointTest, HasTheTensorsOfAllShards) {
  WriteShards();
  const absl::StatusOr<Checkpoint> checkpoint = Open();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->path(), folder_.path() / "model.safetensors.index.json");
  std::vector<std::string> names;
  for (const StoredTensor& tensor : checkpoint->tensors()) {
    names.push_back(tensor.name);
    EXPECT_EQ(tensor.data, "\x01");
  }
  EXPECT_THAT(names, testing::ElementsAre("a", "b", "c"));
}

TEST_F(CheckpointTest, ReadsNoShardThatTheIndexDoesNotName) {
  WriteShards();
  Write("model-00003-of-00003.safetensors", "another model's");
  EXPECT_TRUE(Open().ok()) << Open().status();
}

// Whether it is missing the model knows.
TEST_F(CheckpointTest, TakesAnIndexThatNamesATensorWhichIsGone) {
  WriteShards();
  WriteIndex({{"a", 1}, {"b", 1}, {"c", 2}, {"d", 2}});
  const absl::StatusOr<Checkpoint> checkpoint = Open();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->tensors().size(), 3u);
}

TEST_F(CheckpointTest, RefusesATensorInTwoShards) {
  WriteShards();
  Write("model-00002-of-00002.safetensors", FileOf({"c", "a"}));
  ExpectFault(
      "the shards overlap; 1 in two files: a (model-00001-of-00002.safetensors, model-00002-");
}

TEST_F(CheckpointTest, RefusesShardsThatAreNotAsTheIndexSays) {
  WriteShards();
  WriteIndex({{"a", 1}, {"b", 2}, {"c", 2}});
  ExpectFault(
      "1 in another file: b (is in model-00001-of-00002.safetensors, must be in model-00002-");
  WriteIndex({{"a", 1}, {"c", 2}});
  ExpectFault("1 not in the index: b (in model-00001-of-00002.safetensors)");
}

}  // namespace
}  // namespace chorus::runner
