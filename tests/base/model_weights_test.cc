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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

absl::StatusOr<ModelWeights> Find(const std::vector<std::string>& files,
                                  std::string_view architecture = "Gpt2") {
  const TempDirectory folder;
  for (const std::string& file : files) std::ofstream(folder.path() / file) << "x";
  return FindModelWeights(folder.path(), architecture);
}

// The error for a folder with these files.
absl::Status Check(const std::vector<std::string>& files, std::string_view architecture = "Gpt2") {
  const absl::Status status = Find(files, architecture).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr(": no model.safetensors"));
  return status;
}

TEST(FindModelWeights, TakesTheOneFileWhateverElseThereIs) {
  for (const auto& files : std::vector<std::vector<std::string>>{
           {"model.safetensors"},
           {"model.safetensors", "pytorch_model.bin", "tf_model.h5"},
           {"model.safetensors", "model.safetensors.index.json"}}) {
    const absl::StatusOr<ModelWeights> weights = Find(files);
    ASSERT_TRUE(weights.ok()) << weights.status();
    EXPECT_EQ(weights->path.filename(), "model.safetensors");
    EXPECT_THAT(weights->files, ElementsAre(weights->path));
    EXPECT_TRUE(weights->index.empty());
  }
}

TEST(FindModelWeights, TakesTheShardsOfAnIndex) {
  EXPECT_EQ(Find({"pytorch_model.bin", "tf_model.h5"})->path.filename(), "pytorch_model.bin");
  const TempDirectory folder;
  std::ofstream(folder.path() / "model.safetensors.index.json")
      << R"({"weight_map": {"a": "2.safetensors", "b": "1.safetensors", "c": "2.safetensors"}})";
  std::ofstream(folder.path() / "1.safetensors") << "x";
  std::ofstream(folder.path() / "3.safetensors") << "x";
  const absl::Status missing = FindModelWeights(folder.path(), "").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()),
              HasSubstr("index.json: its 2.safetensors is not there"));
  std::ofstream(folder.path() / "2.safetensors") << "x";
  const absl::StatusOr<ModelWeights> weights = FindModelWeights(folder.path(), "");
  ASSERT_TRUE(weights.ok()) << weights.status();
  EXPECT_EQ(weights->path, folder.path() / "model.safetensors.index.json");
  EXPECT_THAT(weights->files,
              ElementsAre(folder.path() / "1.safetensors", folder.path() / "2.safetensors"));
  EXPECT_EQ(weights->index.size(), 3u);
}

TEST(FindModelWeights, SaysInWhichOtherFormTheWeightsAreAndHowToConvertThem) {
  struct Case {
    std::vector<std::string> files;
    std::string name;
    std::string what;
    std::string command;
  };
  for (const Case& c : std::vector<Case>{
           {{"model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors"},
            "only model-00001-of-00002.safetensors",
            "without their index",
            "Fetch the model whole"},
           {{"pytorch_model-00001-of-00002.bin", "tf_model.h5"},
            "only pytorch_model-00001-of-00002.bin",
            "without their index",
            "Fetch the model whole"},
           {{"tf_model.h5"},
            "only tf_model.h5",
            "TensorFlow's",
            "pip install 'transformers<5' torch tensorflow && python3 -c \"from transformers "
            "import "
            "Gpt2 as M; M.from_pretrained('.', from_tf=True).save_pretrained('.')\""},
           {{"flax_model.msgpack"}, "only flax_model.msgpack", "Flax", "from_flax=True"},
           {{"gpt2.Q8_0.gguf"}, "only gpt2.Q8_0.gguf", "GGUF", "gguf_file='gpt2.Q8_0.gguf'"},
           {{"adapter_model.safetensors", "adapter_config.json", "model-0.gguf"},
            "only adapter_model.safetensors",
            "an adapter",
            "merge_and_unload"},
           {{"adapter_model.bin"}, "only adapter_model.bin", "an adapter", "AutoPeftModel"},
           {{"model.fp16.safetensors"},
            "only model.fp16.safetensors",
            "a variant's",
            "Rename it to model.safetensors"},
           {{"pytorch_model.fp16.bin"}, "fp16.bin", "a variant's", "to pytorch_model.bin"},
           {{"consolidated.00.pth"}, "only consolidated.00.pth", "makers", "_weights_to_hf.py"},
           {{"model.onnx"}, "only model.onnx", "ONNX", "exported from"},
           {{"mine.safetensors"}, "only mine.safetensors", "another name", "rename it"},
           {{"model.pt2"}, "only model.pt2", "without its weights", "compile=True"},
           {{"last.ckpt"}, "only last.ckpt", "a training", "save_pretrained"},
           {{"$(rm).gguf"}, "only $(rm).gguf", "GGUF", "gguf_file='FILE'"}}) {
    const absl::Status status = Check(c.files);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(c.name), HasSubstr(c.what), HasSubstr(c.command)));
  }
}

TEST(FindModelWeights, PutsNothingButAClassNameIntoTheCommand) {
  for (const char* architecture : {"", "x; import os", "x'\""}) {
    EXPECT_THAT(std::string(Check({"flax_model.msgpack"}, architecture).message()),
                AllOf(HasSubstr("import AutoModel as M"), Not(HasSubstr("import os"))));
  }
}

TEST(FindModelWeights, RefusesAPointerOfGitLfs) {
  for (const char* name : {"model.safetensors", "pytorch_model.bin", "1.safetensors"}) {
    const TempDirectory folder;
    std::ofstream(folder.path() / name)
        << "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 548118077\n";
    if (std::string(name) == "1.safetensors") {
      std::ofstream(folder.path() / "model.safetensors.index.json")
          << R"({"weight_map": {"a": "1.safetensors"}})";
    }
    const absl::Status status = FindModelWeights(folder.path(), "").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr((folder.path() / name).native() + ": is a pointer of Git LFS"),
                      HasSubstr("git lfs pull")));
  }
}

TEST(NoConfigError, SaysWhatIsThereInAModelsPlace) {
  const TempDirectory folder;
  const auto message = [&] { return std::string(NoConfigError(folder.path()).message()); };
  EXPECT_THAT(message(), AllOf(HasSubstr("no config.json in " + folder.path().native()),
                               HasSubstr("give a Hugging Face model folder")));
  std::ofstream(folder.path() / "adapter_model.safetensors") << "x";
  EXPECT_THAT(message(),
              AllOf(HasSubstr("only adapter_model.safetensors"), HasSubstr("merge_and_unload")));
  std::filesystem::create_directory(folder.path() / "0_Transformer");
  std::ofstream(folder.path() / "0_Transformer" / "config.json") << "{}";
  EXPECT_THAT(message(), HasSubstr("the model lies in its 0_Transformer"));
}

TEST(IsWeightsFile, KnowsTheNamesOfWeights) {
  for (const char* name :
       {"model.safetensors", "a/pytorch_model.bin", "x.gguf", "m.onnx", "model.pt2"}) {
    EXPECT_TRUE(IsWeightsFile(name)) << name;
  }
  for (const char* name : {"mine.tar.gz", "model", "config.json"}) {
    EXPECT_FALSE(IsWeightsFile(name)) << name;
  }
}

TEST(FindModelWeights, SaysThatThereAreNone) {
  const absl::Status status = Check({"config.json", "vocab.txt"});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nor weights in another form"));
}

}  // namespace
}  // namespace chorus
