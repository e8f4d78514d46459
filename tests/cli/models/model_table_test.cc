#include "cli/models/model_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace chorus {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

store::Manifest Gpt2() {
  return {{"gpt2", "demo"},
          absl::FromCivil(absl::CivilSecond(2026, 11, 22, 12, 30, 5), absl::UTCTimeZone()),
          "generate",
          "GPT2LMHeadModel",
          {{"config.json", 816, std::string(64, 'a')},
           {"model.safetensors", 8590624, std::string(64, 'b')}}};
}

TEST(FormatModelTable, AlignsItsColumns) {
  store::Manifest bert{{"bert-classification", "v1"}, absl::UnixEpoch(), "", "", {}};
  store::Manifest gpt2 = Gpt2();
  gpt2.dtype = "float32";
  gpt2.num_parameters = 124439808;
  EXPECT_EQ(FormatModelTable({bert, gpt2}),
            "TAG                        SIZE  ARCHITECTURE     DTYPE    PARAMETERS  CREATED\n"
            "bert-classification:v1      0 B  -                -        -           "
            "1970-01-01 00:00\n"
            "gpt2:demo               8.2 MiB  GPT2LMHeadModel  float32  124.4M      "
            "2026-11-22 12:30\n");
  EXPECT_EQ(FormatModelTable({}), "TAG  SIZE  ARCHITECTURE  DTYPE  PARAMETERS  CREATED\n");
}

TEST(FormatModelTable, CountsParametersInWordsOfTheField) {
  const struct {
    int64_t count;
    const char* text;
  } kCases[] = {{999, "999 "},     {1000, "1.0K"},          {999'949, "999.9K"},
                {999'950, "1.0M"}, {7'241'732'096, "7.2B"}, {1'000'000'000'000, "1.0T"}};
  for (const auto& c : kCases) {
    store::Manifest model = Gpt2();
    model.num_parameters = c.count;
    EXPECT_THAT(FormatModelTable({model}), HasSubstr(c.text));
  }
}

TEST(ToJsonArray, IsForPrograms) {
  store::Manifest full = Gpt2();
  full.dtype = "bfloat16";
  full.num_parameters = 7;
  full.licence = "mit";
  full.labels = {{"team", "nlp"}};
  full.source = {"a/b", "c"};
  const auto json = ToJsonArray({Gpt2(), full});
  ASSERT_THAT(json, SizeIs(2));
  EXPECT_EQ(json[0]["tag"], "gpt2:demo");
  EXPECT_EQ(json[0]["size_bytes"], 8591440);
  EXPECT_EQ(json[0]["task"], "generate");
  EXPECT_EQ(json[0]["architecture"], "GPT2LMHeadModel");
  EXPECT_EQ(json[0]["created"], "2026-11-22T12:30:05+00:00");
  EXPECT_THAT(json[0], SizeIs(5));  // What is not known is not there.
  EXPECT_EQ(json[1]["dtype"], "bfloat16");
  EXPECT_EQ(json[1]["parameters"], 7);
  EXPECT_EQ(json[1]["licence"], "mit");
  EXPECT_EQ(json[1]["labels"]["team"], "nlp");
  EXPECT_EQ(json[1]["source"], "a/b@c");
  EXPECT_EQ(ToJsonArray({}).dump(), "[]");
}

TEST(FormatModel, ShowsEveryFile) {
  store::Manifest pulled = Gpt2();
  pulled.source = {"openai-community/gpt2", "607a30d"};
  pulled.licence = "mit";
  pulled.labels = {{"stage", "live"}, {"team", "nlp"}};
  pulled.metadata = R"({"epochs":3})";
  EXPECT_EQ(FormatModel(pulled, "/store/gpt2/demo"),
            "tag           gpt2:demo\n"
            "folder        /store/gpt2/demo\n"
            "task          generate\n"
            "architecture  GPT2LMHeadModel\n"
            "dtype         -\n"
            "parameters    -\n"
            "licence       mit\n"
            "source        openai-community/gpt2@607a30d\n"
            "created       2026-11-22 12:30:05 UTC\n"
            "size          8.2 MiB\n"
            "label         stage=live\n"
            "label         team=nlp\n"
            "metadata      {\"epochs\":3}\n"
            "\n"
            "FILE                  SIZE  SHA-256\n"
            "config.json          816 B  " +
                std::string(64, 'a') +
                "\n"
                "model.safetensors  8.2 MiB  " +
                std::string(64, 'b') + "\n");
}

}  // namespace
}  // namespace chorus
