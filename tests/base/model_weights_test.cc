#include "base/model_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/base/temp_directory.h"

namespace chorus {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// CheckWeightsFile of a folder with these files.
absl::Status Check(const std::vector<std::string>& files, std::string_view architecture = "Gpt2") {
  const TempDirectory folder;
  for (const std::string& file : files) std::ofstream(folder.path() / file) << "x";
  const absl::Status status = CheckWeightsFile(folder.path(), architecture);
  if (!status.ok()) {
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(folder.path().native() + ": no model.saf"));
  }
  return status;
}

TEST(CheckWeightsFile, TakesTheOneFileWhateverElseThereIs) {
  EXPECT_TRUE(Check({"model.safetensors"}).ok());
  EXPECT_TRUE(Check({"model.safetensors", "pytorch_model.bin", "tf_model.h5"}).ok());
}

TEST(CheckWeightsFile, SaysInWhichOtherFormTheWeightsAreAndHowToConvertThem) {
  struct Case {
    std::vector<std::string> files;
    std::string name;
    std::string what;
    std::string command;
  };
  for (const Case& c : std::vector<Case>{
           {{"model.safetensors.index.json", "model-00001-of-00002.safetensors",
             "model-00002-of-00002.safetensors", "pytorch_model.bin"},
            "only model.safetensors.index.json",
            "cut into shards",
            "pip install transformers torch && python3 -c \"from transformers import Gpt2 as M; "
            "M.from_pretrained('.').save_pretrained('.', max_shard_size='1TB')\""},
           {{"model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors"},
            "only model-00001-of-00002.safetensors",
            "without their index",
            "fetch the model whole"},
           {{"pytorch_model.bin", "tf_model.h5"},
            "only pytorch_model.bin",
            "a pickle, which could run code",
            "M.from_pretrained('.')."},
           {{"pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"},
            "only pytorch_model-00001-of-00002.bin",
            "a pickle",
            "M.from_pretrained('.')."},
           {{"tf_model.h5"}, "only tf_model.h5", "TensorFlow", "from_tf=True"},
           {{"flax_model.msgpack"}, "only flax_model.msgpack", "Flax", "from_flax=True"},
           {{"gpt2.Q8_0.gguf"}, "only gpt2.Q8_0.gguf", "GGUF", "gguf_file='gpt2.Q8_0.gguf'"},
           {{"$(rm).gguf"}, "only $(rm).gguf", "GGUF", "gguf_file='FILE'"}}) {
    const absl::Status status = Check(c.files);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(c.name), HasSubstr(c.what), HasSubstr(c.command)));
  }
}

TEST(CheckWeightsFile, PutsNothingButAClassNameIntoTheCommand) {
  for (const char* architecture : {"", "x; import os", "x'\""}) {
    EXPECT_THAT(std::string(Check({"pytorch_model.bin"}, architecture).message()),
                AllOf(HasSubstr("import AutoModel as M"), Not(HasSubstr("import os"))));
  }
}

TEST(CheckWeightsFile, SaysThatThereAreNone) {
  const absl::Status status = Check({"config.json", "vocab.txt"});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nor weights in another form"));
}

}  // namespace
}  // namespace chorus
