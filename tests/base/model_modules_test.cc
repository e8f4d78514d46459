#include "base/model_modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/base/temp_directory.h"

namespace chorus {
namespace {

using testing::HasSubstr;

class ModelModulesTest : public testing::Test {
 protected:
  void Put(const std::string& text) { PutFile(folder_ / "modules.json", text); }

  const TempDirectory directory_;
  const std::filesystem::path folder_ = directory_.path();
};

TEST_F(ModelModulesTest, ReadsKindsAndFolders) {
  Put(R"([{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
          {"idx": 1, "path": "1_Pooling", "type": "Pooling"}, {"type": "a.b.Dense"}])");
  const auto modules = ReadModelModules(folder_);
  ASSERT_TRUE(modules.ok()) << modules.status();
  std::vector<std::pair<std::string, std::string>> found;
  for (const ModelModule& module : *modules) found.emplace_back(module.kind, module.folder);
  EXPECT_THAT(found,
              testing::ElementsAre(std::pair("Transformer", ""), std::pair("Pooling", "1_Pooling"),
                                   std::pair("Dense", "")));
  EXPECT_EQ(TransformerFolder(folder_), folder_);
}

TEST_F(ModelModulesTest, AFolderWithoutThemHasNone) {
  EXPECT_TRUE(ReadModelModules(folder_)->empty());
  EXPECT_EQ(TransformerFolder(folder_), folder_);
}

TEST_F(ModelModulesTest, FindsTheTransformerInAFolderOfItsOwn) {
  Put(R"([{"type": "x.Pooling", "path": "1_Pooling"},
          {"type": "x.Transformer", "path": "0_Transformer"}])");
  EXPECT_EQ(TransformerFolder(folder_), folder_ / "0_Transformer");
}

TEST_F(ModelModulesTest, ATransformerElsewhereIsNotSought) {
  for (const char* path : {"../0_Transformer", "/etc", "0_Transformer/", "model", "."}) {
    Put(std::string(R"([{"type": "x.Transformer", "path": ")") + path + "\"}]");
    EXPECT_EQ(TransformerFolder(folder_), folder_) << path;
  }
}

TEST_F(ModelModulesTest, KnowsTheFoldersOfModules) {
  for (const char* name : {"0_Transformer", "1_Pooling", "2_Dense", "12_Normalize"}) {
    EXPECT_TRUE(IsModuleFolder(name)) << name;
  }
  for (const char* name : {"", "_Pooling", "1_", "1_Pooling/", "x_Pooling", "1_pooling",
                           "../1_Pooling", "1234_Pooling", "1_Pooling_2", "onnx", "2_CNN"}) {
    EXPECT_FALSE(IsModuleFolder(name)) << name;
  }
}

TEST_F(ModelModulesTest, RefusesWhatIsMalformed) {
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"", "modules.json: is no JSON"},
           {"{}", "must be a list of modules"},
           {"[7]", "a module must be an object with a type and a path: 7"},
           {R"([{"type": 7}])", "a module must be an object"},
           {R"([{"type": "x.Pooling", "path": 7}])", "a module must be an object"},
           {std::string(100'000, '['), "nested deeper"}}) {
    Put(text);
    const absl::Status status = ReadModelModules(folder_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    EXPECT_EQ(TransformerFolder(folder_), folder_);
  }
}

}  // namespace
}  // namespace chorus
