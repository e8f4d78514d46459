#include "api_server/transcoding/message_to_json.h"

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/api_server/transcoding/test_service.pb.h"

namespace chorus::gateway {
namespace {

using testing::Book;
using testing::BookList;
using testing::Everything;

template <typename M>
M FromText(const std::string& text_proto) {
  M message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text_proto, &message)) << text_proto;
  return message;
}

template <typename M>
std::string Json(const std::string& text_proto) {
  std::string json;
  AppendMessageJson(FromText<M>(text_proto), json);
  return json;
}

// One field of an Everything.
std::string FieldJson(const std::string& name, const std::string& text_proto) {
  std::string json;
  AppendFieldJson(*Everything::descriptor()->FindFieldByName(name),
                  FromText<Everything>(text_proto), json);
  return json;
}

TEST(AppendMessageJson, WritesDeclaredOrderAndWhatHasNoPresence) {
  EXPECT_EQ(Json<Book>(""), R"({"name":""})");
  EXPECT_EQ(Json<Book>(R"(seed: 0 score: 0 title: "" name: "n")"),
            R"({"name":"n","title":"","score":0,"seed":"0"})");
  EXPECT_EQ(Json<BookList>(""), R"({"books":[],"next":""})");
  EXPECT_EQ(Json<BookList>(R"(books { name: "a" score: 0.93 } books {})"),
            R"({"books":[{"name":"a","score":0.93},{"name":""}],"next":""})");
}

TEST(AppendMessageJson, WritesAnEmptyMessageWhole) {
  EXPECT_EQ(Json<Everything>(""),
            R"({"text":"","data":"","flag":false,"i32":0,"i64":"0","u32":0,"u64":"0","s32":0,)"
            R"("f64":"0","real32":0,"real64":0,"color":"COLOR_UNSPECIFIED","numbers":[],)"
            R"("texts":[],"colors":[],"inners":[],"named_in_json":""})");
}

TEST(AppendFieldJson, WritesEveryKind) {
  struct Case {
    std::string field, text_proto, json;
  };
  for (const Case& c : std::vector<Case>{
           {"text", R"(text: "a\"ä🙂</")", R"("a\"ä🙂</")"},
           {"data", R"(data: "\000\377")", R"("AP8=")"},
           {"i32", "i32: -5", "-5"},
           {"i64", "i64: -9223372036854775808", R"("-9223372036854775808")"},
           {"u32", "u32: 4294967295", "4294967295"},
           {"u64", "u64: 18446744073709551615", R"("18446744073709551615")"},
           {"real32", "real32: 0.1", "0.1"},
           {"real64", "real64: 0.1", "0.1"},
           {"real64", "real64: inf", R"("Infinity")"},
           {"color", "color: COLOR_DEEP_BLUE", R"("COLOR_DEEP_BLUE")"},
           {"color", "color: 9", "9"},
           {"numbers", "", "[]"},
           {"numbers", "numbers: [1, 2]", "[1,2]"},
           {"texts", R"(texts: ["a", "b"])", R"(["a","b"])"},
           {"colors", "colors: [COLOR_RED, 9]", R"(["COLOR_RED",9])"},
           {"inner", "", "null"},
           {"inner", "inner {}", R"({"name":"","tags":[]})"},
           {"choice_number", "choice_number: 0", "0"},
       }) {
    EXPECT_EQ(FieldJson(c.field, c.text_proto), c.json) << c.text_proto;
  }
}

TEST(AppendMessageJson, IsReadBackByProtobuf) {
  const auto message = FromText<Everything>(R"(
      text: "a\001b" data: "xyz" i64: -1 u64: 1 real32: 0.3 real64: 0.30000000000000004
      color: COLOR_RED maybe_real: 0 numbers: [1, 2] inners { deeper { name: "d" } }
      choice_text: "")");
  std::string json;
  AppendMessageJson(message, json);
  Everything back;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &back).ok()) << json;
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(message, back)) << json;
}

}  // namespace
}  // namespace chorus::gateway
