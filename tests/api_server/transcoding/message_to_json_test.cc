#include "api_server/transcoding/message_to_json.h"

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api_server/transcoding/json_parser.h"
#include "tests/api_server/transcoding/status_matchers.h"
#include "tests/api_server/transcoding/test_service.pb.h"

namespace chorus {
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
  EXPECT_THAT(AppendMessageJson(FromText<M>(text_proto), json), IsOk());
  return json;
}

// One field of an Everything.
std::string FieldJson(const std::string& name, const std::string& text_proto) {
  std::string json;
  EXPECT_THAT(AppendFieldJson(*Everything::descriptor()->FindFieldByName(name),
                              FromText<Everything>(text_proto), json),
              IsOk());
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
            R"("texts":[],"colors":[],"inners":[],"by_name":{},"by_number":{},"by_flag":{},)"
            R"("durations":[],"values":[],"named_in_json":""})");
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
           {"by_name", R"(by_name { key: "k\"" value: 1 })", R"({"k\"":1})"},
           {"by_number", "by_number { key: -1 value { count: 0 } }",
            R"({"-1":{"name":"","tags":[],"count":0}})"},
           {"by_flag", "by_flag { key: true value: COLOR_RED }", R"({"true":"COLOR_RED"})"},
           {"choice_number", "choice_number: 0", "0"},
           {"duration", "duration { seconds: 1 nanos: 500000000 }", R"("1.500s")"},
           {"duration", "duration { seconds: -1 nanos: -1 }", R"("-1.000000001s")"},
           {"time", "time { seconds: 1 }", R"("1970-01-01T00:00:01Z")"},
           {"mask", R"(mask { paths: "max_length" paths: "a.b" })", R"("maxLength,a.b")"},
           {"wrapped_string", R"(wrapped_string { value: "x" })", R"("x")"},
           {"wrapped_number", "wrapped_number { value: 7 }", R"("7")"},
           {"wrapped_flag", "wrapped_flag {}", "false"},
           {"value", "value { null_value: NULL_VALUE }", "null"},
           {"struct", R"(struct { fields { key: "a" value { bool_value: true } } })",
            R"({"a":true})"},
           {"list", R"(list { values { number_value: 1.5 } values { string_value: "s" } })",
            R"([1.5,"s"])"},
           {"durations", "durations {} durations { seconds: 2 }", R"(["0s","2s"])"},
       }) {
    EXPECT_EQ(FieldJson(c.field, c.text_proto), c.json) << c.text_proto;
  }
}

TEST(AppendFieldJson, WritesAnAnyBesideItsType) {
  const std::string json =
      FieldJson("any", R"(any { [type.googleapis.com/chorus.testing.Shelf] { id: "x" } })");
  const auto document = ParseJson(json);
  ASSERT_THAT(document, IsOk());
  EXPECT_EQ(document->root().Find("@type")->string(), "type.googleapis.com/chorus.testing.Shelf");
  EXPECT_EQ(document->root().Find("id")->string(), "x");
}

TEST(AppendMessageJson, RefusesWhatHasNoJson) {
  for (const std::string text_proto :
       {"duration { seconds: 315576000001 }", "duration { seconds: 1 nanos: -1 }",
        "duration { nanos: 1000000000 }", "time { seconds: 253402300800 }", "time { nanos: -1 }",
        "value {}", "value { number_value: nan }", "mask { paths: \"a__b\" }",
        "any { type_url: \"type.googleapis.com/no.Such\" value: \"x\" }"}) {
    std::string json;
    EXPECT_THAT(AppendMessageJson(FromText<Everything>(text_proto), json),
                StatusIs(absl::StatusCode::kInternal, ::testing::_))
        << text_proto;
  }
}

TEST(AppendMessageJson, IsReadBackByProtobuf) {
  const auto message = FromText<Everything>(R"(
      text: "a\001b" data: "xyz" i64: -1 u64: 1 real32: 0.3 real64: 0.30000000000000004
      color: COLOR_RED maybe_real: 0 numbers: [1, 2] inners { deeper { name: "d" } }
      by_name { key: "a" value: 1 } by_number { key: 2 value {} } choice_text: ""
      duration { nanos: 1 } time { seconds: -1 } wrapped_string { value: "w" }
      struct { fields { key: "k" value { list_value { values { number_value: 1e300 } } } } })");
  std::string json;
  ASSERT_THAT(AppendMessageJson(message, json), IsOk());
  Everything back;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &back).ok()) << json;
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(message, back)) << json;
}

}  // namespace
}  // namespace chorus
