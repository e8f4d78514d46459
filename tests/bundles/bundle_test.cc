#include "bundles/bundle.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_replace.h"
#include "config/yaml_writer.h"
#include "tests/bundles/sample_home.h"

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kHash(64, 'a');

TEST(ParseBundle, ReadsWhatIsWritten) {
  const TempDirectory temp;
  SampleHome home(temp.path());
  const auto bundle = ParseBundle(FormatYaml(home.bundle()), "bundle.yaml");
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*bundle, home.bundle()));
  EXPECT_EQ(TagOf(*bundle).ToString(), "sample:v1");
  EXPECT_EQ(TagOf(bundle->models(1)), (store::Tag{"bert", "m1"}));
  EXPECT_THAT(RunnersOf(*bundle), ElementsAre("gpt2", "bert"));
  EXPECT_EQ(SizeOf(bundle->models(0).files()), 38 + 7);
}

TEST(ParseBundle, RefusesWhatCouldLeadAstray) {
  const std::string good =
      "name: x\nversion: v1\ncreated: 2024-02-29T12:00:00Z\n"
      "models:\n- runner: gpt2\n  tag: gpt2:v1\n  files:\n"
      "  - {name: config.json, size_bytes: 1, sha256: " +
      kHash +
      "}\n"
      "files:\n- {name: graph.yaml, size_bytes: 1, sha256: " +
      kHash + "}\n";
  ASSERT_TRUE(ParseBundle(good, "f").ok()) << ParseBundle(good, "f").status();
  const struct {
    std::string from, to;
    std::string error;
  } kCases[] = {
      {"name: x", "name: ../x", "f:1:7: name: must match"},
      {"version: v1", "version: latest", "f:2:10: version: must match"},
      {"version: v1", "version: a/b", "f:2:10: version: must match"},
      {"2024-02-29T12:00:00Z", "yesterday", "f:3:10: created: must be a time"},
      {"runner: gpt2", "runner: a/b", "f:5:11: models[0].runner: must match"},
      {"tag: gpt2:v1", "tag: gpt2", "f:6:8: models[0].tag: must have a version"},
      {"tag: gpt2:v1", "tag: ../gpt2:v1", "f:6:8: models[0].tag: the name of a tag must match"},
      {"name: config.json", "name: a/config.json", "models[0].files[0].name: must be the name"},
      {"name: config.json", "name: manifest.json", "models[0].files[0].name: must be the name"},
      {"name: config.json", "name: ..", "models[0].files[0].name: must be a path that stays"},
      {"name: graph.yaml", "name: ../graph.yaml", "files[0].name: must be a path that stays"},
      {"name: graph.yaml", "name: /graph.yaml", "files[0].name: must be a path that stays"},
      {"name: graph.yaml", "name: a//b", "files[0].name: must be a path that stays"},
      {"name: graph.yaml", "name: a/./b", "files[0].name: must be a path that stays"},
      {"name: graph.yaml", "name: \"a\\0b\"", "files[0].name: must be a path that stays"},
      {"name: graph.yaml", "name: \"a\\eb\"", "files[0].name: must be a path that stays"},
      {"name: graph.yaml", "name: " + std::string(256, 'x'), "files[0].name: must be a path"},
      {"name: graph.yaml", "name: other", "f:10:1: files: must hold graph.yaml"},
      {"name: graph.yaml", "name: bundle.yaml", "files: bundle.yaml cannot list itself"},
      {"graph.yaml, size_bytes: 1", "graph.yaml, size_bytes: -1", "size_bytes: must be from 0"},
      {kHash, "A" + kHash.substr(1), "sha256: must be 64"},
      {kHash, kHash.substr(1), "sha256: must be 64"},
      {"files:\n- {", "resources: {bert: {}}\nfiles:\n- {",
       "resources.bert: the graph has no such"},
      {"files:\n- {", "labels: {a b: c}\nfiles:\n- {", "labels.a b: the key must match"},
      {"files:\n- {", "surprise: 1\nfiles:\n- {", "there is no field \"surprise\""},
      {"files:\n- {", "files:\n- {name: graph.yaml, size_bytes: 1, sha256: " + kHash + "}\n- {",
       "files[1].name: files must be listed once"},
  };
  for (const auto& c : kCases) {
    const std::string yaml = absl::StrReplaceAll(good, {{c.from, c.to}});
    ASSERT_NE(yaml, good) << c.from;
    const absl::Status status = ParseBundle(yaml, "f").status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.to;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.error)) << c.to;
  }
}

TEST(ParseBundle, WantsModelsAndFiles) {
  const std::string head = "name: x\nversion: v1\ncreated: 2024-02-29T12:00:00Z\n";
  EXPECT_THAT(std::string(ParseBundle(head, "f").status().message()),
              HasSubstr("f: models: must hold a model"));
}

TEST(Difference, NamesChangedMissingAndAddedFiles) {
  config::v1::Bundle a, b;
  for (const char* name : {"changed", "missing", "same", "shorter"}) {
    config::v1::BundleFile& file = *a.add_files();
    file.set_name(name);
    file.set_size_bytes(7);
    file.set_sha256(name);
  }
  b = a;
  EXPECT_EQ(Difference(a.files(), b.files()), "");
  b.mutable_files(0)->set_sha256("other");
  b.mutable_files(1)->set_name("added");
  b.mutable_files(3)->set_size_bytes(6);
  EXPECT_EQ(Difference(a.files(), b.files()), "changed, missing, shorter, added");
}

}  // namespace
}  // namespace chorus
