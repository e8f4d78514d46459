#include "bundles/chorusfile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/base/temp_directory.h"

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const std::vector<std::string> kRunners = {"gpt2", "bert"};

TEST(ReadChorusfile, ReadsAll) {
  const TempDirectory temp;
  const std::string text = R"(service: my_graph
description: |
  Two lines,
  of text.
labels: {team: nlp}
graph: graph.yaml
models: [gpt2:v1]
include: ["*.txt"]
resources:
  gpt2: {threads: 2}
)";
  PutFile(temp / "chorusfile.yaml", text);
  const absl::StatusOr<Chorusfile> file = ReadChorusfile(temp / "chorusfile.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->spec.service(), "my_graph");
  EXPECT_EQ(file->spec.description(), "Two lines,\nof text.\n");
  EXPECT_EQ(file->spec.labels().at("team"), "nlp");
  EXPECT_EQ(file->spec.resources().at("gpt2").threads(), 2u);
  EXPECT_EQ(file->text, text);
  EXPECT_EQ(file->directory, temp.path());
}

TEST(ReadChorusfile, SaysWhereOneIsShownWhenThereIsNone) {
  const TempDirectory temp;
  const absl::Status status = ReadChorusfile(temp / "chorusfile.yaml").status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("examples/bundles"));
}

TEST(ReadChorusfile, ReadsTheExample) {
  const auto file = ReadChorusfile("examples/bundles/inference_graph/chorusfile.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(FindIncludes(*file).ok()) << FindIncludes(*file).status();
}

TEST(ParseChorusfile, NamesThePlaceOfWhatIsWrong) {
  const struct {
    std::string text;
    std::string error;
  } kCases[] = {
      {"", "f.yaml: is empty"},
      {"service: x\ngrpah: g\n",
       "f.yaml:2:1: there is no field \"grpah\"; there is service, description, labels, graph, "
       "models, include, resources"},
      {"service: x\ngraph: g\nmodels: gpt2\n", "f.yaml:3:9: models: must be a sequence: \"gpt2\""},
      {"service: x\ngraph: g\nresources:\n  gpt2: {threads: many}\n",
       "f.yaml:4:19: resources.gpt2.threads: must be an integer from 0 to 4294967295: \"many\""},
      {"graph: g\n",
       "f.yaml: service: must name the bundle and match [A-Za-z0-9][A-Za-z0-9._-]{0,63}: \"\""},
      {"service: ../x\ngraph: g\n",
       "f.yaml:1:10: service: must name the bundle and match [A-Za-z0-9][A-Za-z0-9._-]{0,63}: "
       "\"../x\""},
      {"service: x\n", "f.yaml: graph: must name the graph file"},
      {"service: x\ngraph: g\nlabels: {a b: c}\n",
       "f.yaml:3:15: labels.a b: the key must match [A-Za-z0-9][A-Za-z0-9._/-]{0,62}: \"a b\""},
      {"service: x\ngraph: g\ninclude: [a, ../b]\n",
       "f.yaml:3:14: include[1]: must be a pattern such as prompts/*.txt of files in the "
       "chorusfile's folder: \"../b\""},
      {"service: x\ngraph: g\ninclude: [/etc/passwd]\n",
       "f.yaml:3:11: include[0]: must be a pattern such as prompts/*.txt of files in the "
       "chorusfile's folder: \"/etc/passwd\""},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(ParseChorusfile(c.text, "f.yaml").status(), absl::InvalidArgumentError(c.error));
  }
}

TEST(ChooseModels, TakesNamesakesWhereNothingIsSaid) {
  const auto file =
      ParseChorusfile("service: x\ngraph: g\nmodels: [\"bert=my-bert:v2\", gpt2]\n", "f.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(*ChooseModels(*file, kRunners),
              ElementsAre(Pair("bert", "my-bert:v2"), Pair("gpt2", "gpt2:latest")));
  const auto none = ParseChorusfile("service: x\ngraph: g\n", "f.yaml");
  EXPECT_THAT(*ChooseModels(*none, kRunners),
              ElementsAre(Pair("bert", "bert:latest"), Pair("gpt2", "gpt2:latest")));
}

TEST(ChooseModels, NamesThePlaceOfWhatIsWrong) {
  const struct {
    std::string models;
    std::string error;
  } kCases[] = {
      {"[gpt2, gpt3:v1]",
       "f.yaml:3:16: models[1]: the graph has no runner \"gpt3\"; it has gpt2, bert; RUNNER=TAG "
       "gives a runner a model of another name"},
      {"[gpt2, \"gpt2=other:v1\"]", "f.yaml:3:16: models[1]: a second model for the runner gpt2"},
      {"[\"gpt2:\"]",
       "f.yaml:3:10: models[0]: the version of a tag must match "
       "[A-Za-z0-9][A-Za-z0-9._-]{0,63}: \"\" in \"gpt2:\""},
      {"[\"gpt2=\"]",
       "f.yaml:3:10: models[0]: the name of a tag must match "
       "[A-Za-z0-9][A-Za-z0-9._-]{0,63}: \"\" in \":latest\""},
  };
  for (const auto& c : kCases) {
    const auto file = ParseChorusfile("service: x\ngraph: g\nmodels: " + c.models, "f.yaml");
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(ChooseModels(*file, kRunners).status(), absl::InvalidArgumentError(c.error));
  }
}

TEST(FindIncludes, GivesEachFileOnceSorted) {
  const TempDirectory temp;
  for (const char* name : {"a.txt", "b.md", "d/a.txt", "d/e/b.txt", ".hidden.txt"}) {
    PutFile(temp / name, "x");
  }
  PutFile(temp / "chorusfile.yaml",
          "service: x\ngraph: g\ninclude: [\"**/*.txt\", \"a.*\", \"d/*\"]\n");
  const auto file = ReadChorusfile(temp / "chorusfile.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(*FindIncludes(*file), ElementsAre("a.txt", "d/a.txt", "d/e/b.txt"));
}

TEST(FindIncludes, RefusesAPatternThatMatchesNothing) {
  const TempDirectory temp;
  PutFile(temp / "chorusfile.yaml", "service: x\ngraph: g\ninclude:\n  - \"*.yaml\"\n  - gone/*\n");
  const auto file = ReadChorusfile(temp / "chorusfile.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(FindIncludes(*file).status(),
            absl::InvalidArgumentError((temp / "chorusfile.yaml").native() +
                                       ":5:5: include[1]: no file in " + temp.path().native() +
                                       " matches \"gone/*\""));
}

TEST(MatchesPattern, KnowsItsWildcards) {
  const struct {
    const char* pattern;
    const char* path;
    bool matches;
  } kCases[] = {
      {"a.txt", "a.txt", true},       {"a.txt", "d/a.txt", false}, {"*.txt", "a.txt", true},
      {"*.txt", "d/a.txt", false},    {"*", ".hidden", false},     {".*", ".hidden", true},
      {"?.txt", "a.txt", true},       {"[ab].txt", "b.txt", true}, {"**", "a", true},
      {"**", "a/b/c", true},          {"**/c", "a/b/c", true},     {"**/c", "c", true},
      {"a/**", "a/b/c", true},        {"a/**", "b/c", false},      {"a/**/c", "a/c", true},
      {"a/**/c", "a/b/b/c", true},    {"a/**/c", "a/b", false},    {"*/*", "a/b", true},
      {"a/**/b/**/c", "a/b/c", true},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(MatchesPattern(c.pattern, c.path), c.matches) << c.pattern << " " << c.path;
  }
}

}  // namespace
}  // namespace chorus
