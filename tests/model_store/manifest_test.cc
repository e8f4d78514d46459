#include "model_store/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/printable.h"

namespace chorus::store {
namespace {

using ::testing::HasSubstr;

Manifest Example() {
  return {
      {"gpt2-generation", "demo"},
      absl::FromCivil(absl::CivilSecond(2026, 11, 22, 12, 30, 5), absl::UTCTimeZone()),
      "generate",
      "GPT2LMHeadModel",
      {{"config.json", 816, std::string(64, 'a')}, {"model.safetensors", 0, std::string(64, '0')}}};
}

TEST(Manifest, SurvivesJson) {
  const absl::StatusOr<Manifest> read = ParseManifest(ToJson(Example()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, Example());
  EXPECT_EQ(read->size_bytes(), 816);
}

TEST(Manifest, KeepsWhereTheModelWasPulledFrom) {
  Manifest pulled = Example();
  pulled.source = {"openai-community/gpt2", std::string(40, 'c')};
  EXPECT_EQ(*ParseManifest(ToJson(pulled)), pulled);
}

TEST(Manifest, KeepsAllThatIsKnownOfAModel) {
  Manifest manifest = Example();
  manifest.source = {"https://example.com/gpt2.tar.gz", ""};
  manifest.dtype = "bfloat16";
  manifest.num_parameters = 124439808;
  manifest.licence = "mit";
  manifest.labels = {{"stage", "prüfung"}, {"team", ""}};
  manifest.metadata = R"({"z":[1,2.5,null],"a":{"epochs":3}})";
  EXPECT_EQ(*ParseManifest(ToJson(manifest)), manifest);
}

// As programs write it that know no dtype, labels and the like.
TEST(Manifest, OfAnEarlierProgramIsRead) {
  const auto read = ParseManifest(R"({"name": "a", "version": "b",
      "created": "2026-11-22T23:13:00+00:00", "task": "generate", "architecture": "GPT2LMHeadModel",
      "files": [], "source": {"repository": "o/n", "commit": "c"}})");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->source, (ModelSource{"o/n", "c"}));
  EXPECT_EQ(read->dtype, "");
  EXPECT_EQ(read->num_parameters, 0);
  EXPECT_EQ(read->metadata, "");
}

TEST(Manifest, TakesTheTimesThatPythonWrites) {
  for (const char* created : {"2026-11-22T12:30:05Z", "2026-11-22T12:30:05+00:00",
                              "2026-11-22T13:30:05+01:00", "2026-11-22T12:30:05.000000+00:00"}) {
    nlohmann::json json = nlohmann::json::parse(ToJson(Example()));
    json["created"] = created;
    EXPECT_EQ(ParseManifest(json.dump())->created, Example().created) << created;
  }
}

TEST(Manifest, RefusesMetadataThatNestsWithoutEnd) {
  const std::string open(10'000, '['), close(10'000, ']');
  std::string text = ToJson(Example());
  text.insert(1, "\"metadata\": {\"a\": " + open + close + "},");
  EXPECT_THAT(std::string(ParseManifest(text).status().message()), HasSubstr("nest deeper"));
}

TEST(ParseMetadata, TakesAnObjectAndNothingElse) {
  EXPECT_EQ(*ParseMetadata(R"( {"a": [1, null]} )"), R"({"a":[1,null]})");
  EXPECT_EQ(*ParseMetadata("{}"), "");
  for (const char* text : {"", "[]", "1", "{", "{} {}", "\xFF"}) {
    EXPECT_THAT(std::string(ParseMetadata(text).status().message()),
                HasSubstr("metadata: not a JSON object"))
        << text;
  }
  for (const char* text : {R"({"k": 1e999})", R"({"k": NaN})"}) {
    EXPECT_THAT(std::string(ParseMetadata(text).status().message()),
                HasSubstr("metadata: a number of it is not finite"))
        << text;
  }
  // What it takes a manifest can hold.
  Manifest manifest = Example();
  std::string deep = "1";
  for (int depth = 1; depth < 100; ++depth) {
    deep = R"({"a":)" + deep + "}";
    const absl::StatusOr<std::string> metadata = ParseMetadata(deep);
    if (!metadata.ok()) break;
    manifest.metadata = *metadata;
    EXPECT_TRUE(ParseManifest(ToJson(manifest)).ok()) << depth;
  }
  EXPECT_FALSE(ParseMetadata(deep).ok());
}

TEST(ContentVersion, GoesByNamesAndHashesAlone) {
  const std::vector<ManifestFile> files = Example().files;
  const std::string version = ContentVersion(files);
  EXPECT_EQ(version.size(), 12u);
  EXPECT_EQ(ContentVersion({files[1], files[0]}), version);
  std::vector<ManifestFile> others = files;
  others[0].sha256[0] = 'b';
  EXPECT_NE(ContentVersion(others), version);
  others = files;
  others[0].name = "config.jso";
  EXPECT_NE(ContentVersion(others), version);
}

TEST(NativeCodeOf, IsTheHashOfOneFile) {
  std::vector<ManifestFile> files = Example().files;
  EXPECT_EQ(NativeCodeOf(files), "");
  files.push_back({"model.pt2", 4, std::string(64, 'c')});
  EXPECT_EQ(NativeCodeOf(files), std::string(64, 'c'));
}

TEST(ModelSource, IsWrittenAndReadAsOneText) {
  for (const ModelSource& source :
       {ModelSource{"openai-community/gpt2", "abc"}, ModelSource{"https://example.com/a", ""}}) {
    EXPECT_EQ(ParseModelSource(ToString(source)), source);
  }
  EXPECT_EQ(ToString({"openai-community/gpt2", "abc"}), "openai-community/gpt2@abc");
}

TEST(Manifest, HasFilesInFoldersOfModules) {
  Manifest pooled = Example();
  pooled.files[0].name = "1_Pooling/config.json";
  EXPECT_EQ(*ParseManifest(ToJson(pooled)), pooled);
  for (const char* name : {"config.json", "2_Dense/model.safetensors", "0_Transformer/vocab.txt"}) {
    EXPECT_TRUE(IsModelFileName(name)) << name;
  }
  for (const char* name : {"", "..", "a/b", "1_Pooling/", "1_Pooling/../x", "manifest.json", "/x",
                           "1_Pooling/..", "1_Pooling/a/b", "2_Dense/manifest.json"}) {
    EXPECT_FALSE(IsModelFileName(name)) << name;
  }
}

// A manifest may come in an archive of others.
TEST(Manifest, CommandsNoTerminal) {
  nlohmann::json json = nlohmann::json::parse(ToJson(Example()));
  const std::string text = "\x1B]0;pwn\x07mit\n\u009B";
  for (const char* key : {"task", "architecture", "dtype", "licence"}) json[key] = text;
  json["source"] = {{"repository", text}, {"commit", text}};
  json["metadata"] = {{text, text + "\x7F"}};
  const absl::StatusOr<Manifest> manifest = ParseManifest(json.dump());
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->licence, " ]0;pwn mit  ");
  for (const std::string& shown :
       {manifest->task, manifest->architecture, manifest->dtype, manifest->licence,
        ToString(*manifest->source), manifest->metadata}) {
    EXPECT_TRUE(IsPrintable(shown)) << shown;
  }
  EXPECT_EQ(nlohmann::json::parse(manifest->metadata), json["metadata"]);  // Escaped, not lost.
  EXPECT_EQ(Printable(ToJson(*manifest)), ToJson(*manifest));
  EXPECT_EQ(*ParseManifest(ToJson(*manifest)), *manifest);
  json["files"][0]["name"] = "a\x1B";
  EXPECT_THAT(std::string(ParseManifest(json.dump()).status().message()),
              HasSubstr("not a plain file name: a\\033"));
}

TEST(Manifest, WritesTheKeysInReadingOrder) {
  EXPECT_EQ(ToJson({{"a", "b"}, absl::UnixEpoch(), "", "", {{"f", 1, "x"}}}),
            "{\n  \"name\": \"a\",\n  \"version\": \"b\",\n  \"created\": "
            "\"1970-01-01T00:00:00+00:00\",\n"
            "  \"task\": \"\",\n  \"architecture\": \"\",\n  \"files\": [\n    {\n      \"name\": "
            "\"f\",\n"
            "      \"size_bytes\": 1,\n      \"sha256\": \"x\"\n    }\n  ]\n}\n");
}

TEST(Manifest, LeavesUnknownKeysUnread) {
  nlohmann::json json = nlohmann::json::parse(ToJson(Example()));
  json["license"] = "MIT";
  json["files"][0]["etag"] = 1;
  EXPECT_EQ(*ParseManifest(json.dump()), Example());
}

// Each case sets one JSON pointer of a good manifest.
TEST(Manifest, RefusesWrongValues) {
  const struct {
    const char* pointer;
    nlohmann::json value;
    const char* message;
  } kCases[] = {
      {"/name", nullptr, "name must be a string"},
      {"/name", "../etc", "\"../etc\""},
      {"/version", "latest", "not a version"},
      {"/version", 1, "version must be a string"},
      {"/created", "yesterday", "not a time"},
      {"/task", true, "task must be a string"},
      {"/architecture", nlohmann::json::array(), "architecture must be a string"},
      {"/files", "none", "files must be an array"},
      {"/files/0", 3, "files must hold objects"},
      {"/files/0/name", "../../etc/passwd", "not a plain file name"},
      {"/files/0/name", "..", "not a plain file name"},
      {"/files/0/name", "", "not a plain file name"},
      {"/files/0/name", "manifest.json", "not a plain file name"},
      {"/files/0/name", std::string("a\0b", 3), "not a plain file name"},
      {"/files/0/size_bytes", -1, "size_bytes of config.json"},
      {"/files/0/size_bytes", 1.5, "size_bytes of config.json"},
      {"/files/0/size_bytes", 18446744073709551615u, "size_bytes of config.json"},
      {"/files/0/size_bytes", int64_t{1} << 51, "size_bytes of config.json"},
      {"/files/0/sha256", "abc", "not a SHA-256"},
      {"/files/0/sha256", std::string(64, 'A'), "not a SHA-256"},
      {"/dtype", 16, "dtype must be a string"},
      {"/licence", nullptr, "licence must be a string"},
      {"/parameters", "124M", "parameters must be an integer"},
      {"/parameters", -1, "parameters must be an integer"},
      {"/parameters", 1.5, "parameters must be an integer"},
      {"/labels", nlohmann::json::array(), "labels must be an object"},
      {"/labels", {{"team", 1}}, "labels.team must be a string"},
      {"/labels", {{"a b", "x"}}, "the key must match"},
      {"/metadata", 3, "metadata must be an object"},
      {"/source", "here", "source must be an object"},
      {"/source", {{"commit", "c"}}, "repository must be a string"},
      {"/source", {{"repository", "a/b"}, {"commit", 1}}, "commit must be a string"},
  };
  for (const auto& c : kCases) {
    nlohmann::json json = nlohmann::json::parse(ToJson(Example()));
    json[nlohmann::json::json_pointer(c.pointer)] = c.value;
    const absl::Status status = ParseManifest(json.dump()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.pointer << c.value;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
  }
}

TEST(Manifest, RefusesWhatIsNoObject) {
  for (const char* text : {"", "{", "[]", "null", "{} {}", "\xFF"}) {
    EXPECT_THAT(std::string(ParseManifest(text).status().message()), HasSubstr("not a JSON object"))
        << text;
  }
  EXPECT_THAT(std::string(ParseManifest("{}").status().message()), HasSubstr("name must be"));
}

}  // namespace
}  // namespace chorus::store
