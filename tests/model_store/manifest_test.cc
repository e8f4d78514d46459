#include "model_store/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

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
