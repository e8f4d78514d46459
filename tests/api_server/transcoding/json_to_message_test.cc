#include "api_server/transcoding/json_to_message.h"

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/api_server/transcoding/status_matchers.h"
#include "tests/api_server/transcoding/test_service.pb.h"

namespace chorus::gateway {
namespace {

using testing::Everything;

absl::Status Parse(const std::string& json, Everything& message) {
  return JsonToMessage(json, message);
}

void ExpectParses(const std::string& json, const std::string& text_proto) {
  Everything expected, parsed;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text_proto, &expected)) << text_proto;
  ASSERT_THAT(Parse(json, parsed), IsOk()) << json;
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(parsed, expected))
      << json << " gives " << parsed.ShortDebugString();
}

TEST(JsonToMessage, TakesEveryKindOfScalar) {
  struct Case {
    std::string json, text_proto;
  };
  for (const Case& c : std::vector<Case>{
           {R"({})", ""},
           {R"({"text":"a\n🙂","data":"AP8=","flag":true})",
            R"(text: "a\n🙂" data: "\000\377" flag: true)"},
           {R"({"i32":-2147483648,"i64":-9223372036854775808})",
            "i32: -2147483648 i64: -9223372036854775808"},
           {R"({"i32":"2147483647","i64":"9223372036854775807"})",
            "i32: 2147483647 i64: 9223372036854775807"},
           {R"({"u32":4294967295,"u64":18446744073709551615})",
            "u32: 4294967295 u64: 18446744073709551615"},
           {R"({"u64":"18446744073709551615","s32":-1,"f64":"1"})",
            "u64: 18446744073709551615 s32: -1 f64: 1"},
           {R"({"i32":1.0,"i64":1e3,"u32":1.5E1,"u64":-0})", "i32: 1 i64: 1000 u32: 15"},
           {R"({"u64":9007199254740992.0})", "u64: 9007199254740992"},
           {R"({"real32":0.1,"real64":-1e-5})", "real32: 0.1 real64: -1e-5"},
           {R"({"real32":"1.5","real64":5})", "real32: 1.5 real64: 5"},
           {R"({"real64":1e-999,"real32":1e-60})", "real64: 0 real32: 0"},
           {R"({"color":"COLOR_RED","maybe_color":2})",
            "color: COLOR_RED maybe_color: COLOR_DEEP_BLUE"},
           {R"({"color":"1","maybe_color":0})", "color: COLOR_RED maybe_color: COLOR_UNSPECIFIED"},
           {R"({"data":"-_8"})", R"(data: "\373\377")"},
           {R"({"data":"+/8="})", R"(data: "\373\377")"},
           {R"({"data":""})", ""},
           {R"({"maybe_text":"","maybe_number":0,"maybe_flag":false,"maybe_real":0})",
            R"(maybe_text: "" maybe_number: 0 maybe_flag: false maybe_real: 0)"},
           {R"({"maybeText":"x","otherName":"y"})", R"(maybe_text: "x" named_in_json: "y")"},
           {R"({"named_in_json":"y"})", R"(named_in_json: "y")"},
           {R"({"text":null,"maybe_number":null,"numbers":null,"inner":null})", ""},
       }) {
    ExpectParses(c.json, c.text_proto);
  }
}

TEST(JsonToMessage, TakesRepeatedFieldsAndMessages) {
  struct Case {
    std::string json, text_proto;
  };
  for (
      const Case& c : std::vector<Case>{
          {R"({"numbers":[1,"2",3.0],"texts":["a",""],"colors":["COLOR_RED",2],"inners":[]})",
           R"(numbers: [1, 2, 3] texts: ["a", ""] colors: [COLOR_RED, COLOR_DEEP_BLUE])"},
          {R"({"inner":{"name":"a","deeper":{"deeper":{"tags":["t"]}}},"inners":[{},{"count":0}]})",
           R"(inner { name: "a" deeper { deeper { tags: "t" } } } inners {} inners { count: 0 })"},
          {R"({"choice_text":"x"})", R"(choice_text: "x")"},
          {R"({"choice_text":null,"choice_number":0})", "choice_number: 0"},
      }) {
    ExpectParses(c.json, c.text_proto);
  }
}

TEST(JsonToMessage, NamesTheFieldsWhereOneIsUnknown) {
  Everything message;
  EXPECT_THAT(Parse(R"({"no_such":1})", message),
              IsInvalid(::testing::StartsWith(
                  "unknown field \"no_such\" in the body, which takes text, data, flag, i32,")));
  EXPECT_THAT(Parse(R"({"Text":"x"})", message),
              IsInvalid(::testing::StartsWith(
                  "unknown field \"Text\" in the body (did you mean text?), which takes text,")));
}

TEST(JsonToMessage, SaysWhereAndWhatIsWrong) {
  struct Case {
    std::string json, error;
  };
  for (const Case& c : std::vector<Case>{
           {"[]", "the body must be a JSON object: an array"},
           {"\"x\"", "the body must be a JSON object: \"x\""},
           {"null", "the body must be a JSON object: null"},
           {R"({"inner":{"x":1}})",
            "unknown field \"x\" in inner, which takes name, tags, deeper, count"},
           {R"({"inner":{"nmae":1}})",
            "unknown field \"nmae\" in inner (did you mean name?), which takes name, tags, deeper, "
            "count"},
           {R"({"inners":[{},{"deeper":{"Counts":1}}]})",
            "unknown field \"Counts\" in inners[1].deeper (did you mean count?), which takes name, "
            "tags, deeper, count"},
           {R"({"maybe_text":"a","maybeText":"b"})",
            "the body has the field maybe_text twice, as maybe_text and as maybeText"},
           {R"({"text":5})", "text must be a string: 5"},
           {R"({"text":{"secret":1}})", "text must be a string: an object"},
           {R"({"texts":["a",["b"]]})", "texts[1] must be a string: an array"},
           {R"({"texts":["a",null]})", "texts[1] must be a string: null"},
           {R"({"texts":"a"})", "texts must be an array: \"a\"; write one entry in brackets too"},
           {R"({"flag":"true"})", "flag must be true or false: \"true\""},
           {R"({"flag":1})", "flag must be true or false: 1"},
           {R"({"flag":{}})", "flag must be true or false: an object"},
           {R"({"i32":2147483648})",
            "i32 must be an integer from -2147483648 to 2147483647: 2147483648"},
           {R"({"u32":-1})",
            "u32 must be an integer from 0 to 4294967295: -1; leave it out for the default"},
           {R"({"u32":1.5})", "u32 must be an integer from 0 to 4294967295: 1.5"},
           {R"({"u32":1e99999})", "u32 must be an integer from 0 to 4294967295: 1e99999"},
           {R"({"u32":"abc"})", "u32 must be an integer from 0 to 4294967295: \"abc\""},
           {R"({"u32":"1e3"})", "u32 must be an integer from 0 to 4294967295: \"1e3\""},
           {R"({"u32":""})", "u32 must be an integer from 0 to 4294967295: \"\""},
           {R"({"u32":"01"})", "u32 must be an integer from 0 to 4294967295: \"01\""},
           {R"({"u32":" 1"})", "u32 must be an integer from 0 to 4294967295: \" 1\""},
           {R"({"u32":true})", "u32 must be an integer from 0 to 4294967295: true"},
           {R"({"u64":18446744073709551616})",
            "u64 must be an integer from 0 to 18446744073709551615: 18446744073709551616"},
           {R"({"real32":1e39})", "real32 must be a number from -3.40282e+38 to 3.40282e+38: 1e39"},
           {R"({"real64":1e999})",
            "real64 must be a number from -1.79769e+308 to 1.79769e+308: 1e999"},
           {R"({"real64":"1e999"})",
            "real64 must be a number from -1.79769e+308 to 1.79769e+308: \"1e999\""},
           {R"({"real64":"01"})", "real64 must be a number: \"01\""},
           {R"({"real64":"-.5"})", "real64 must be a number: \"-.5\""},
           {R"({"real64":"5."})", "real64 must be a number: \"5.\""},
           {R"({"real64":"1.e5"})", "real64 must be a number: \"1.e5\""},
           {R"({"real64":"1e"})", "real64 must be a number: \"1e\""},
           {R"({"real64":" 1"})", "real64 must be a number: \" 1\""},
           {R"({"real64":"NaN"})", "real64 must be a number: \"NaN\""},
           {R"({"real64":"-Infinity"})", "real64 must be a number: \"-Infinity\""},
           {R"({"real64":"0x10"})", "real64 must be a number: \"0x10\""},
           {R"({"real64":[1]})", "real64 must be a number: an array"},
           {R"({"color":"RED"})",
            "color must be one of COLOR_UNSPECIFIED, COLOR_RED, COLOR_DEEP_BLUE: \"RED\""},
           {R"({"color":7})",
            "color must be one of COLOR_UNSPECIFIED, COLOR_RED, COLOR_DEEP_BLUE: 7"},
           {R"({"data":"a b="})", "data must be base64: \"a b=\""},
           {R"({"data":"=a"})", "data must be base64: \"=a\""},
           {R"({"data":7})", "data must be a string: 7"},
           {R"({"inner":"x"})", "inner must be a JSON object: \"x\""},
           {R"({"choice_text":"a","choice_number":1})",
            "choice_number and choice_text are alternatives: give one of them"},
       }) {
    Everything message;
    EXPECT_THAT(Parse(c.json, message), IsInvalid(c.error));
  }
}

TEST(JsonToMessage, ShortensLongValues) {
  Everything message;
  EXPECT_THAT(Parse("{\"u32\":\"" + std::string(63, 'x') + "ä and much more\"}", message),
              IsInvalid("u32 must be an integer from 0 to 4294967295: \"" + std::string(63, 'x') +
                        "...\""));
}

TEST(JsonToField, NamesTheField) {
  Everything message;
  const auto& field = *Everything::descriptor()->FindFieldByName("numbers");
  EXPECT_THAT(JsonToField("[1,2]", field, message), IsOk());
  EXPECT_THAT(message.numbers(), ::testing::ElementsAre(1, 2));
  EXPECT_THAT(JsonToField("{}", field, message), IsInvalid("numbers must be an array: an object"));
  EXPECT_THAT(JsonToField("[1,\"x\"]", field, message),
              IsInvalid("numbers[1] must be an integer from -2147483648 to 2147483647: \"x\""));
  EXPECT_THAT(JsonToField("null", field, message), IsOk());
}

TEST(CheckJson, IsAsStrictWithoutAMessage) {
  EXPECT_THAT(CheckJson(R"({"no":[{"such":"field"}]})"), IsOk());
  EXPECT_THAT(CheckJson(R"({"a":1,"a":2})"),
              IsInvalid("invalid JSON at line 1, column 10: the name \"a\" is there twice"));
  Everything message;
  EXPECT_THAT(Parse(R"({"text":"a",
 "text":"b"})",
                    message),
              IsInvalid("invalid JSON at line 2, column 7: the name \"text\" is there twice"));
  const std::string deep(101, '[');
  EXPECT_THAT(CheckJson(deep),
              IsInvalid("invalid JSON at line 1, column 101: nested deeper than 100 levels"));
  std::string inner = R"({"inner":)";
  for (int i = 0; i < 100; ++i) inner += R"({"deeper":)";
  EXPECT_THAT(Parse(inner, message), IsInvalid(::testing::HasSubstr("nested deeper than 100")));
}

}  // namespace
}  // namespace chorus::gateway
