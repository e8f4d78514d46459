#include "api_server/transcoding/query_parser.h"

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/api_server/transcoding/status_matchers.h"
#include "tests/api_server/transcoding/test_bindings.h"
#include "tests/api_server/transcoding/test_service.pb.h"

namespace chorus::gateway {
namespace {

using ::testing::AllOf;
using testing::Everything;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ParseQuery, SetsFields) {
  struct Case {
    std::string query, text_proto;
  };
  for (const Case& c : std::vector<Case>{
           {"", ""},
           {"&&", ""},
           {"text=a+b%20c%2Bd&flag=true", R"(text: "a b c+d" flag: true)"},
           {"text=", ""},
           {"maybe_text", R"(maybe_text: "")"},
           {"text=a=b", R"(text: "a=b")"},
           {"t%65xt=%F0%9F%99%82", R"(text: "🙂")"},
           {"maybeNumber=0&maybe_flag=false", "maybe_number: 0 maybe_flag: false"},
           {"i32=-5&i64=-9223372036854775808&u64=18446744073709551615",
            "i32: -5 i64: -9223372036854775808 u64: 18446744073709551615"},
           {"real32=0.5&real64=1e-3", "real32: 0.5 real64: 0.001"},
           {"color=COLOR_RED&maybe_color=2", "color: COLOR_RED maybe_color: COLOR_DEEP_BLUE"},
           {"data=AP8", R"(data: "\000\377")"},
           {"numbers=3&texts=a&numbers=1&texts=&colors=1&colors=COLOR_DEEP_BLUE",
            R"(numbers: [3, 1] texts: ["a", ""] colors: [COLOR_RED, COLOR_DEEP_BLUE])"},
           {"inner.name=a&inner.deeper.count=7&inner.tags=x&inner.tags=y",
            R"(inner { name: "a" deeper { count: 7 } tags: ["x", "y"] })"},
           {"choice_number=0", "choice_number: 0"},
           {"otherName=x", R"(named_in_json: "x")"},
       }) {
    Everything expected, parsed;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(c.text_proto, &expected));
    ASSERT_THAT(ParseQuery(c.query, GetTestBinding("GET /search"), parsed), IsOk()) << c.query;
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(parsed, expected))
        << c.query << " gives " << parsed.ShortDebugString();
  }
}

TEST(ParseQuery, NamesParameterAndValue) {
  struct Case {
    std::string query, error;
  };
  for (const Case& c : std::vector<Case>{
           {"u32=-1",
            "query parameter u32 must be an integer from 0 to 4294967295: \"-1\"; leave it "
            "out for the default"},
           {"u32=4294967296",
            "query parameter u32 must be an integer from 0 to 4294967295: \"4294967296\""},
           {"u32=1e3", "query parameter u32 must be an integer from 0 to 4294967295: \"1e3\""},
           {"u32=1.0", "query parameter u32 must be an integer from 0 to 4294967295: \"1.0\""},
           {"u32=0x1", "query parameter u32 must be an integer from 0 to 4294967295: \"0x1\""},
           {"u32=+1", "query parameter u32 must be an integer from 0 to 4294967295: \" 1\""},
           {"u32", "query parameter u32 must be an integer from 0 to 4294967295: \"\""},
           {"flag", "query parameter flag must be true or false: \"\""},
           {"flag=1", "query parameter flag must be true or false: \"1\""},
           {"flag=TRUE", "query parameter flag must be true or false: \"TRUE\""},
           {"real64=abc", "query parameter real64 must be a number: \"abc\""},
           {"real64=", "query parameter real64 must be a number: \"\""},
           {"real64=nan", "query parameter real64 must be a number: \"nan\""},
           {"real64=NaN", "query parameter real64 must be a number: \"NaN\""},
           {"real64=inf", "query parameter real64 must be a number: \"inf\""},
           {"real64=1e400",
            "query parameter real64 must be a number from -1.79769e+308 to 1.79769e+308: "
            "\"1e400\""},
           {"color=red",
            "query parameter color must be one of COLOR_UNSPECIFIED, COLOR_RED, COLOR_DEEP_BLUE: "
            "\"red\""},
           {"data=%21", "query parameter data must be base64: \"!\""},
           {"text=%FF", "query parameter text must be UTF-8: byte 0 is not"},
           {"inner.count=x",
            "query parameter inner.count must be an integer from -2147483648 to 2147483647: \"x\""},
           {"text=a&text=b", "the query parameter text must be given once"},
           {"maybe_number=1&maybeNumber=2", "the query parameter maybe_number must be given once"},
           {"inner.name=a&inner.name=b", "the query parameter inner.name must be given once"},
           {"choice_text=a&choice_number=1",
            "query parameter choice_number and choice_text are alternatives: give one of them"},
           {"inner=x",
            "the query parameter inner is not allowed: the field is a message, whose fields are "
            "named one by one"},
           {"text=%zz",
            "the query string is malformed: a % must be followed by two hexadecimal digits (write "
            "%25 for the character itself): \"%zz\""},
       }) {
    Everything message;
    EXPECT_THAT(ParseQuery(c.query, GetTestBinding("GET /search"), message), IsInvalid(c.error));
  }
}

TEST(ParseQuery, ListsTheParametersWhenOneIsUnknown) {
  for (const std::string name : {"no_such", "Text", "inner.no_such", "text.x", "numbers.x",
                                 "inners.name", ".", "inner.", ""}) {
    Everything message;
    EXPECT_THAT(ParseQuery(name + "=1", GetTestBinding("GET /search"), message),
                IsInvalid(AllOf(StartsWith("unknown query parameter \"" + name + "\""),
                                HasSubstr(": GET /search takes text, data, flag,"))))
        << name;
  }
  Everything slip;
  EXPECT_THAT(
      ParseQuery("Real_46=1", GetTestBinding("GET /search"), slip),
      IsInvalid(StartsWith("unknown query parameter \"Real_46\" (did you mean real64?): ")));
  testing::GetBookRequest request;
  EXPECT_THAT(ParseQuery("a=1", GetTestBinding("GET /v1/books/{name}"), request),
              IsInvalid("unknown query parameter \"a\": GET /v1/books/{name} takes shelf.id, "
                        "details"));
  for (const std::string name : {"inner", "inners", "choice_inner"}) {
    Everything message;
    EXPECT_THAT(ParseQuery(name + "=1", GetTestBinding("GET /search"), message),
                IsInvalid(HasSubstr("is not allowed: the field is a message")))
        << name;
  }
}

TEST(ParseQuery, RefusesWhatPathOrBodyGives) {
  testing::GetBookRequest get;
  EXPECT_THAT(ParseQuery("name=x", GetTestBinding("GET /v1/books/{name}"), get),
              IsInvalid("the query parameter name is not allowed: the path gives it"));
  EXPECT_THAT(ParseQuery("shelf.id=x", GetTestBinding("GET /v1/shelves/{shelf.id}/first"), get),
              IsInvalid("the query parameter shelf.id is not allowed: the path gives it"));
  testing::PutTextRequest put;
  EXPECT_THAT(ParseQuery("text=x", GetTestBinding("PUT /texts/{id}"), put),
              IsInvalid("the query parameter text is not allowed: the body gives text"));
  testing::UpdateBookRequest update;
  EXPECT_THAT(
      ParseQuery("book.title=x", GetTestBinding("PATCH /v1/{book.name=shelves/*/books/*}"), update),
      IsInvalid("the query parameter book.title is not allowed: the body gives book"));
  Everything echo;
  EXPECT_THAT(ParseQuery("flag=true", GetTestBinding("POST /echo"), echo),
              IsInvalid("unknown query parameter \"flag\": POST /echo takes none, its fields are "
                        "members of the JSON body"));
}

TEST(IsFormOfFields, LooksForANameThatIsAField) {
  struct Case {
    std::string body;
    bool is_form;
  };
  for (const Case& c : std::vector<Case>{
           {"text=I+have+an+idea%21", true},
           {"text=I have an idea!", true},
           {"max_length=9", true},
           {"maxLength=9", true},
           {"te%78t=a", true},
           {"id=7", true},
           {"a=b&text=c", true},
           {"text=", true},
           {"", false},
           {"text", false},
           {"text&max_length", false},
           {"=text", false},
           {"inputs=Once+upon&n=2", true},
           {"Text=b", true},
           {"prompt=", true},
           {"a=b", true},
           {"a=b c", false},
           {"a=b&", true},
           {"1=2", false},
           {"a b=c", false},
           {"\xC3\xA9=b", false},
           {"a=\xC3\xA9", false},
           {" text=b", false},
           {"I have an idea!", false},
           {"x = 5; text = \"a\"", false},
           {"100% text=a", false},
           {"{\"text\":\"a=b\"}", false},
       }) {
    EXPECT_EQ(IsFormOfFields(c.body, GetTestBinding("PUT /texts/{id}")), c.is_form) << c.body;
  }
}

TEST(ParseForm, BoundsTheNumberOfFields) {
  std::string form = "text=a";
  for (int i = 0; i < 255; ++i) form += "&";
  testing::PutTextRequest put;
  EXPECT_THAT(ParseForm(form, "", GetTestBinding("PUT /texts/{id}"), put), IsOk());
  EXPECT_THAT(ParseForm(form + "&", "", GetTestBinding("PUT /texts/{id}"), put),
              IsInvalid(StartsWith("the form has more than 256 fields; to have the body taken")));
  std::string others;
  for (int i = 0; i < 256; ++i) others += "a b=&";
  EXPECT_FALSE(IsFormOfFields(others + "text=a", GetTestBinding("PUT /texts/{id}")));
}

TEST(ParseForm, ReadsFormAndQueryTogether) {
  testing::PutTextRequest put;
  EXPECT_THAT(ParseForm("text=a+%26%20b", "max_length=9", GetTestBinding("PUT /texts/{id}"), put),
              IsOk());
  EXPECT_EQ(put.text(), "a & b");
  EXPECT_EQ(put.max_length(), 9u);
  const auto error = [](std::string_view form, std::string_view query) {
    testing::PutTextRequest message;
    return ParseForm(form, query, GetTestBinding("PUT /texts/{id}"), message);
  };
  const std::string hint =
      "; to have the body taken as the text that it is, send the header Content-Type: text/plain";
  EXPECT_THAT(error("max_length=9", ""), IsInvalid("the form gives no text" + hint));
  EXPECT_THAT(error("text=a&max_length=9", "max_length=8"),
              IsInvalid("the query parameter max_length must be given once"));
  EXPECT_THAT(error("text=a&text=b", ""), IsInvalid("the form field text must be given once"));
  EXPECT_THAT(error("text=a", "text=b"),
              IsInvalid("the query parameter text is not allowed: the body gives text"));
  EXPECT_THAT(error("text=a&id=8", ""),
              IsInvalid("the form field id is not allowed: the path gives it"));
  EXPECT_THAT(error("text=a&max_len=9", ""),
              IsInvalid("unknown form field \"max_len\" (did you mean max_length?): PUT "
                        "/texts/{id} takes text, data, max_length" +
                        hint));
  EXPECT_THAT(
      error("text=a & b", ""),
      IsInvalid("unknown form field \" b\": PUT /texts/{id} takes text, data, max_length" + hint));
  EXPECT_THAT(error("text=100% sure", ""),
              IsInvalid(AllOf(HasSubstr("the form in the body is malformed"), HasSubstr(hint))));
  EXPECT_THAT(error("text=a&max_length=x", ""),
              IsInvalid(StartsWith("form field max_length must be an integer")));
  EXPECT_THAT(error("text=%FF", ""), IsInvalid(StartsWith("form field text must be UTF-8")));
}

TEST(ParseQuery, BoundsTheDepthOfMessages) {
  std::string path = "inner";
  for (int i = 0; i < 30; ++i) path += ".deeper";
  Everything message;
  EXPECT_THAT(ParseQuery(path + ".count=1", GetTestBinding("GET /search"), message), IsOk());
  EXPECT_THAT(ParseQuery(path + ".deeper.count=1", GetTestBinding("GET /search"), message),
              IsInvalid(StartsWith("unknown query parameter")));
}

TEST(GetQueryParameters, FollowsMessagesOnce) {
  EXPECT_THAT(GetQueryParameters(GetTestBinding("PUT /texts/{id}")),
              ::testing::ElementsAre("data", "max_length"));
  EXPECT_THAT(GetQueryParameters(GetTestBinding("POST /echo")), ::testing::IsEmpty());
  const std::vector<std::string> search = GetQueryParameters(GetTestBinding("GET /search"));
  EXPECT_THAT(search, ::testing::IsSupersetOf({"inner.name", "inner.tags", "inner.count",
                                               "choice_inner.name", "numbers"}));
  EXPECT_THAT(search, ::testing::Not(::testing::Contains(StartsWith("inner.deeper"))));
}

}  // namespace
}  // namespace chorus::gateway
