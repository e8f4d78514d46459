// The verbs on models in the store, by the program itself; pull has a test of its own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/printable.h"
#include "tests/cli/command/command_fixture.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ModelsCommandTest : public CommandTest {
 protected:
  ModelsCommandTest() {
    fs::copy("models/demo/gpt2", temp_ / "gpt2");
    fs::copy("models/demo/bert-sst2", temp_ / "bert");
    PutFile(temp_ / "gpt2/README.md", "---\nlicense: apache-2.0\n---\n");
  }

  Result Models(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "models");
    return Run(arguments);
  }
  json GetJson(const std::string& tag) {
    return json::parse(Models({"get", tag, "-o", "json"}).out);
  }
  std::string Path(const std::string& name) const { return (temp_ / name).native(); }
};

TEST_F(ModelsCommandTest, ImportsAFolderThatARunnerHasAnsweredFrom) {
  const Result result = Models({"import", Path("gpt2"), "mine:v1", "--label", "team=nlp",
                                "--label=stage=", "--source", "https://example.com/gpt2@abc"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(StartsWith("Imported mine:v1: "), HasSubstr("GPT2LMHeadModel")));
  const json manifest = GetJson("mine");
  EXPECT_EQ(manifest["task"], "generate");
  EXPECT_EQ(manifest["licence"], "apache-2.0");
  EXPECT_EQ(manifest["labels"], (json{{"stage", ""}, {"team", "nlp"}}));
  EXPECT_EQ(manifest["source"]["commit"], "abc");
  EXPECT_GT(manifest["parameters"], 1'000'000);
  EXPECT_THAT(manifest["dtype"].get<std::string>(), HasSubstr("float"));
  EXPECT_EQ(Models({"verify", "mine"}).out, "whole    mine:v1\n");
  EXPECT_EQ(Models({"import", Path("bert"), "scorer:v1"}).status, 0);
  EXPECT_EQ(GetJson("scorer")["task"], "classify");
  EXPECT_TRUE(fs::is_empty(temp_ / "home/models/.tmp"));
}

TEST_F(ModelsCommandTest, SaysWhatOfAModelsGenerationIsNotFollowed) {
  PutFile(temp_ / "gpt2/generation_config.json", R"({"eos_token_id": 1, "num_beams": 4})");
  const std::string warning =
      "/generation_config.json: Chorus does not follow num_beams: texts will differ from "
      "transformers'\n";
  const Result imported = Models({"import", Path("gpt2"), "mine:v1"});
  EXPECT_EQ(imported.status, 0) << imported.err;
  EXPECT_THAT(imported.err, HasSubstr("chorus: " + Path("gpt2") + warning));
  const Result run = Run({"run", "mine:v1", "a text"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr(warning));
  EXPECT_EQ(Run({"run", "gpt2-generation", "a text"}).err, "");
}

TEST_F(ModelsCommandTest, WithoutAVersionAnImportGoesByItsContent) {
  ASSERT_EQ(Models({"import", Path("gpt2"), "mine"}).status, 0);
  const std::string version = GetJson("mine")["version"];
  EXPECT_EQ(version.size(), 12u);
  EXPECT_EQ(
      Models({"import", Path("gpt2"), "mine", "--label=a=b", "--metadata", R"({"k": [1]})"}).out,
      "mine:" + version + " is there already\n");
  EXPECT_EQ(GetJson("mine")["labels"], (json{{"a", "b"}}));  // What is said of it counts.
  EXPECT_EQ(GetJson("mine")["metadata"], (json{{"k", {1}}}));
  PutFile(temp_ / "gpt2/README.md", "another");
  ASSERT_EQ(Models({"import", Path("gpt2"), "mine"}).status, 0);
  EXPECT_NE(GetJson("mine")["version"], version);
  PutFile(temp_ / "gpt2/README.md", "---\nlicense: apache-2.0\n---\n");
  ASSERT_EQ(Models({"import", Path("gpt2"), "mine"}).status, 0);
  EXPECT_EQ(GetJson("mine")["version"], version);  // It is the latest again.
  PutFile(temp_ / "gpt2/README.md", "another");
  const Result other = Models({"import", Path("gpt2"), "mine:" + version});
  EXPECT_EQ(other.status, 1);
  EXPECT_THAT(other.err, HasSubstr("is in the store already, and is another model"));
}

TEST_F(ModelsCommandTest, WhatCannotBeServedIsNotImported) {
  PutFile(temp_ / "gpt2/broken", "");
  fs::create_directory(temp_ / "empty");
  PutFile(temp_ / "text.tar.gz", "not an archive");
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  fs::copy(temp_ / "bert", temp_ / "no-weights");
  fs::remove(temp_ / "no-weights/model.safetensors");
  const struct {
    std::vector<std::string> arguments;
    std::string message;
  } kCases[] = {
      {{Path("gpt2"), "mine"},
       "not imported: the runner exited with status 1; it last said: cannot load " + Path("gpt2") +
           ": it is broken"},
      {{Path("bert/model.safetensors"), "mine"}, "holds weights alone: give the folder"},
      {{Path("bert")}, "a folder has no tag of its own"},
      {{Path("absent"), "mine"}, "no folder or archive "},
      {{Path("empty"), "mine"}, "no config.json in "},
      {{Path("no-weights"), "mine"}, "no model.safetensors"},
      {{Path("text.tar.gz"), "mine"}, "damaged"},
      {{Path("fifo"), "mine"}, "fifo is not a file"},
      {{"/dev/zero", "mine"}, "/dev/zero is not a file"},
      {{Path("bert"), "a:b:c"}, "the version of a tag must match"},
      {{Path("bert"), "mine", "--label", "team"}, "set by KEY=VALUE"},
      {{Path("bert"), "mine", "--metadata", "[1]"}, "metadata: not a JSON object"},
  };
  for (const auto& c : kCases) {
    std::vector<std::string> arguments = {"import"};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    const Result result = Models(arguments);
    EXPECT_EQ(result.status, 1) << c.message;
    EXPECT_THAT(result.err, AllOf(StartsWith("chorus: "), HasSubstr(c.message)));
  }
  EXPECT_THAT(Models({"list"}).out, Not(HasSubstr("mine")));
  EXPECT_TRUE(fs::is_empty(temp_ / "home/models/.tmp"));
}

TEST_F(ModelsCommandTest, AnExportGoesInElsewhere) {
  ASSERT_EQ(Models({"label", "gpt2-generation", "stage=live"}).status, 0);
  const std::string file = Path("gpt2.tar.gz");
  EXPECT_EQ(Models({"export", "gpt2-generation", file}).out,
            "Exported gpt2-generation:demo to " + file + "\n");
  const Result again = Models({"export", "gpt2-generation", file});
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.err, HasSubstr("is there already"));
  const json exported = GetJson("gpt2-generation");

  environment_["CHORUS_HOME"] = temp_ / "other";
  EXPECT_EQ(Models({"import", file}).status, 0);
  EXPECT_EQ(GetJson("gpt2-generation"), exported);
  ASSERT_EQ(Models({"export", "gpt2-generation", Path("again.tar.gz")}).status, 0);
  EXPECT_EQ(GetFile(temp_ / "again.tar.gz"), GetFile(temp_ / "gpt2.tar.gz"));
  EXPECT_EQ(Models({"import", file, "other"}).status, 0);
  EXPECT_EQ(GetJson("other")["version"], "demo");
  EXPECT_EQ(Models({"import", file, "other:v2"}).status, 0);
  EXPECT_EQ(GetJson("other")["labels"]["stage"], "live");
}

TEST_F(ModelsCommandTest, LabelsAndFiltersByThem) {
  EXPECT_EQ(Models({"label", "gpt2-generation", "team=nlp", "stage=test"}).out,
            "Labels of gpt2-generation:demo: stage=test team=nlp\n");
  EXPECT_EQ(Models({"label", "gpt2-generation:demo", "team-", "stage=live"}).out,
            "Labels of gpt2-generation:demo: stage=live\n");
  const Result wrong = Models({"label", "gpt2-generation", "stage=other", "stag-"});
  EXPECT_EQ(wrong.status, 1);
  EXPECT_THAT(wrong.err, HasSubstr("no label stag; there are: stage; did you mean stage?"));
  EXPECT_EQ(GetJson("gpt2-generation")["labels"], json({{"stage", "live"}}));

  const std::string models = Path("home/models/");
  EXPECT_EQ(Models({"list", "--label", "stage=live", "-o", "path"}).out,
            models + "gpt2-generation/demo\n");
  EXPECT_EQ(Models({"list", "--task", "classify", "-o", "path"}).out,
            models + "bert-base-uncased-classification/demo\n");
  EXPECT_EQ(Models({"list", "gpt2*", "--architecture=GPT2*", "-o", "path"}).out,
            models + "gpt2-generation/demo\n" + models + "gpt2-medium-generation/demo\n");
  EXPECT_EQ(Models({"list", "gpt9*", "-o", "json"}).out, "[]\n");
  EXPECT_THAT(Models({"list", "gpt2-gen*", "-o", "yaml"}).out,
              AllOf(StartsWith("- tag: \"gpt2-generation:demo\"\n"),
                    HasSubstr("\n  labels:\n    stage: live\n")));
  EXPECT_THAT(
      Models({"get", "gpt2-generation", "-o", "yaml"}).out,
      AllOf(StartsWith("name: gpt2-generation\nversion: demo\n"), HasSubstr("\nparameters: ")));
  EXPECT_THAT(Models({"get", "gpt2-generation"}).out, HasSubstr("label         stage=live\n"));
}

TEST_F(ModelsCommandTest, LabelsAtOnceAllStay) {
  ASSERT_EQ(Models({"list"}).status, 0);
  std::vector<std::unique_ptr<Program>> programs;
  json expected;
  for (int i = 0; i < 8; ++i) {
    const std::string key = "k" + std::to_string(i);
    programs.emplace_back(new Program(Start({"models", "label", "gpt2-generation", key + "=x"})));
    expected[key] = "x";
  }
  for (const auto& program : programs) EXPECT_EQ(program->Wait(), 0) << program->err().Rest();
  EXPECT_EQ(GetJson("gpt2-generation")["labels"], expected);
}

TEST_F(ModelsCommandTest, OfImportsAtOnceOneSavesAndTheOthersFindItThere) {
  std::vector<std::unique_ptr<Program>> programs;
  for (int i = 0; i < 4; ++i) {
    programs.emplace_back(new Program(Start(
        {"models", "import", Path("gpt2"), "mine:v1", "--label", "k" + std::to_string(i) + "=x"})));
  }
  int num_saved = 0;
  for (const auto& program : programs) {
    const std::string out = program->out().Rest();
    num_saved += out.starts_with("Imported mine:v1: ");
    EXPECT_THAT(out, AnyOf(StartsWith("Imported"), "mine:v1 is there already\n"));
    EXPECT_EQ(program->Wait(), 0) << program->err().Rest();
  }
  EXPECT_EQ(num_saved, 1);
  EXPECT_EQ(GetJson("mine")["labels"].size(), 4u);
}

TEST_F(ModelsCommandTest, WhatAModelSaysOfItselfCommandsNoTerminal) {
  PutFile(temp_ / "gpt2/README.md", "---\nlicense: \x1B]0;pwn\x07mit\n---\n");
  ASSERT_EQ(Models({"import", Path("gpt2"), "mine:v1"}).status, 0);
  EXPECT_EQ(GetJson("mine")["licence"], " ]0;pwn mit");
  // What others have written into a manifest, and so into an archive.
  const fs::path manifest = temp_ / "home/models/mine/v1/manifest.json";
  json changed = GetJson("mine");
  changed["licence"] = "\x1B[31mmit\nlabel  a=b";
  changed["architecture"] = "GPT2\u009B31m";
  changed["metadata"] = {{"\u009B31m", "\x7F"}};
  fs::remove(manifest);
  PutFile(manifest, changed.dump());
  ASSERT_EQ(Models({"export", "mine", Path("mine.tar.gz")}).status, 0);
  ASSERT_EQ(Models({"import", Path("mine.tar.gz"), "other:v1"}).status, 0);
  for (const char* tag : {"mine", "other"}) {
    for (const char* form : {"table", "json", "yaml"}) {
      const std::string out = Models({"get", tag, "-o", form}).out;
      EXPECT_EQ(Printable(out), out);
      EXPECT_THAT(out, AllOf(HasSubstr("[31mmit label  a=b"), Not(HasSubstr("\nlabel "))));
    }
  }
  const std::string list = Models({"list"}).out;
  EXPECT_EQ(Printable(list), list);
  for (const char* flag : {"--licence", "--source"}) {
    const Result refused = Models({"import", Path("gpt2"), "mine:v2", flag, "a\x1B[31m\nb"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr(std::string(flag) + " must be UTF-8 without control"));
  }
}

TEST_F(ModelsCommandTest, CopiesAndVerifies) {
  EXPECT_EQ(Models({"copy", "gpt2-generation", "mine"}).out,
            "Copied gpt2-generation:demo to mine:demo\n");
  EXPECT_EQ(Models({"copy", "gpt2-generation", "mine:v2"}).status, 0);
  EXPECT_EQ(Models({"copy", "gpt2-generation", "mine:v2"}).status, 1);
  EXPECT_EQ(Models({"verify", "mine:v2", "mine:demo"}).out,
            "whole    mine:v2\nwhole    mine:demo\n");
  EXPECT_EQ(Models({"verify", "--all"}).status, 0);

  PutFile(temp_ / "home/models/mine/demo/merges.txt", "changed");
  PutFile(temp_ / "home/models/mine/latest", "v9\n");
  fs::create_directory(temp_ / "home/models/mine/v3");
  const Result all = Models({"verify"});
  EXPECT_EQ(all.status, 1);
  EXPECT_THAT(all.out, AllOf(HasSubstr("damaged  mine:demo is damaged: merges.txt has changed\n"),
                             HasSubstr("whole    mine:v2\n"), HasSubstr("no model mine:v9"),
                             HasSubstr("damaged  mine:v3 is damaged: ")));
  EXPECT_THAT(all.err, HasSubstr("of 7 models checked, 3 are damaged"));
  EXPECT_EQ(all.out, Models({"verify", "--all"}).out);
  EXPECT_EQ(Models({"verify", "mine:v2"}).status, 0);
  EXPECT_EQ(Models({"verify", "mine:v2", "--all"}).status, 2);
}

TEST_F(ModelsCommandTest, NamesWhatIsNearToASlip) {
  ASSERT_EQ(Models({"list"}).status, 0);
  const struct {
    std::vector<std::string> arguments;
    int status;
    const char* message;
  } kCases[] = {
      {{"lst"}, 2, "there is no verb \"models lst\"; did you mean models list?"},
      {{"verfy"}, 2, "did you mean models verify?"},
      {{"list", "--lable", "a"}, 2, "there is no flag --lable; did you mean --label?"},
      {{"list", "-o", "jsn"}, 2, "must be table, json, yaml or path: jsn; did you mean json?"},
      {{"list", "--task", "clasify"}, 2, "did you mean classify?"},
      {{"get", "gpt2-generatio"}, 1, "did you mean gpt2-generation?"},
      {{"get", "gpt2-generation:dmo"}, 1, "did you mean gpt2-generation:demo?"},
  };
  for (const auto& c : kCases) {
    const Result result = Models(c.arguments);
    EXPECT_EQ(result.status, c.status) << c.message;
    EXPECT_THAT(result.err, HasSubstr(c.message));
  }
}

}  // namespace
}  // namespace chorus
