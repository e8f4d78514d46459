#include "cli/models/model_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace chorus {
namespace {

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
  EXPECT_EQ(FormatModelTable({bert, Gpt2()}),
            "TAG                        SIZE  ARCHITECTURE     CREATED\n"
            "bert-classification:v1      0 B  -                1970-01-01 00:00\n"
            "gpt2:demo               8.2 MiB  GPT2LMHeadModel  2026-11-22 12:30\n");
  EXPECT_EQ(FormatModelTable({}), "TAG  SIZE  ARCHITECTURE  CREATED\n");
}

TEST(FormatModelsJson, IsForPrograms) {
  const auto json = nlohmann::json::parse(FormatModelsJson({Gpt2()}));
  ASSERT_THAT(json, SizeIs(1));
  EXPECT_EQ(json[0]["tag"], "gpt2:demo");
  EXPECT_EQ(json[0]["size_bytes"], 8591440);
  EXPECT_EQ(json[0]["task"], "generate");
  EXPECT_EQ(json[0]["architecture"], "GPT2LMHeadModel");
  EXPECT_EQ(json[0]["created"], "2026-11-22T12:30:05+00:00");
  EXPECT_EQ(FormatModelsJson({}), "[]\n");
}

TEST(FormatModel, ShowsEveryFile) {
  store::Manifest pulled = Gpt2();
  pulled.source = {"openai-community/gpt2", "607a30d"};
  EXPECT_EQ(FormatModel(pulled, "/store/gpt2/demo"),
            "tag           gpt2:demo\n"
            "folder        /store/gpt2/demo\n"
            "task          generate\n"
            "architecture  GPT2LMHeadModel\n"
            "created       2026-11-22 12:30:05 UTC\n"
            "size          8.2 MiB\n"
            "source        openai-community/gpt2@607a30d\n"
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
