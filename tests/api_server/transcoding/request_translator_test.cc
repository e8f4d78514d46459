#include "api_server/transcoding/request_translator.h"

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api_server/transcoding/http_status.h"
#include "base/utf8.h"
#include "tests/api_server/transcoding/status_matchers.h"
#include "tests/api_server/transcoding/test_bindings.h"
#include "tests/api_server/transcoding/test_service.pb.h"

namespace chorus::gateway {
namespace {

using ::testing::HasSubstr;

constexpr char kJson[] = "application/json";

struct Request {
  std::string binding;
  std::vector<std::string> values;
  std::string query, content_type, body;
};

std::unique_ptr<google::protobuf::Message> NewMessage(const Request& r) {
  const auto* type = GetTestBinding(r.binding).method->input_type();
  return std::unique_ptr<google::protobuf::Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

absl::Status Translate(const Request& r) {
  return TranslateRequest(GetTestBinding(r.binding), {r.values, r.query, r.content_type, r.body},
                          *NewMessage(r));
}

void ExpectGives(const Request& r, const std::string& text_proto) {
  auto expected = NewMessage(r), parsed = NewMessage(r);
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text_proto, expected.get()));
  ASSERT_THAT(TranslateRequest(GetTestBinding(r.binding),
                               {r.values, r.query, r.content_type, r.body}, *parsed),
              IsOk())
      << r.binding << " " << r.body;
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*parsed, *expected))
      << r.binding << " " << r.body << " gives " << parsed->ShortDebugString();
}

TEST(TranslateRequest, TakesPathQueryAndBody) {
  ExpectGives({"GET /v1/books/{name}", {"a b"}, "details=true&shelf.id=s"},
              R"(name: "a b" details: true shelf { id: "s" })");
  ExpectGives({"GET /v1/shelves/{shelf.id}/first", {"s"}, "name=n"},
              R"(shelf { id: "s" } name: "n")");
  ExpectGives({"PUT /color/{color}/{i32}/{flag}", {"COLOR_RED", "-7", "true"}, "u32=1"},
              "color: COLOR_RED i32: -7 flag: true u32: 1");
  ExpectGives({"POST /echo", {}, "", kJson, R"({"u64":"7","inner":{"name":"x"}})"},
              R"(u64: 7 inner { name: "x" })");
  ExpectGives(
      {"POST /echo/{text}/{inner.name}", {"t", "n"}, "", kJson, R"({"inner":{"tags":["x"]}})"},
      R"(text: "t" inner { name: "n" tags: "x" })");
  ExpectGives({"PATCH /v1/{book.name=shelves/*/books/*}",
               {"shelves/1/books/2"},
               "update_mask=title",
               kJson,
               R"({"title":"T"})"},
              R"(book { name: "shelves/1/books/2" title: "T" } update_mask: "title")");
  ExpectGives({"PUT /numbers", {}, "flag=true", kJson, "[1,2]"}, "numbers: [1, 2] flag: true");
  ExpectGives({"PUT /inner", {}, "", kJson, R"({"name":"x"})"}, R"(inner { name: "x" })");
  ExpectGives({"PUT /maybe", {}, "", kJson, "7"}, "maybe_number: 7");
  ExpectGives({"PUT /maybe", {}, "", kJson, "null"}, "");
  ExpectGives({"PUT /inner", {}, "", kJson, "null"}, "");
}

TEST(TranslateRequest, TakesJsonWithoutAContentType) {
  ExpectGives({"POST /echo", {}, "", "", R"({"i32":1})"}, "i32: 1");
  ExpectGives({"POST /echo", {}, "", "Application/JSON; charset=UTF-8", R"({"i32":1})"}, "i32: 1");
}

TEST(TranslateRequest, TakesARawBodyForATextField) {
  const std::string raw = "a+b%20c&d={\"x\": 1}\n🙂";
  for (const std::string type :
       {"", "text/plain", "text/plain; charset=utf-8", "TEXT/plain; charset=US-ASCII",
        "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8"}) {
    ExpectGives({"PUT /texts/{id}", {"7"}, "max_length=9", type, raw},
                "id: \"7\" max_length: 9 text: \"a+b%20c&d={\\\"x\\\": 1}\\n🙂\"");
  }
  ExpectGives({"PUT /texts/{id}", {"7"}, "", "text/plain", ""}, R"(id: "7")");
  ExpectGives({"PUT /texts/{id}", {"7"}, "", kJson, R"( "a\u00e4\n" )"}, R"(id: "7" text: "aä\n")");
  for (const std::string type : {"", "text/plain", "application/octet-stream"}) {
    ExpectGives({"PUT /blobs/{id}", {"7"}, "", type, "\xFF\x01"}, R"(id: "7" data: "\377\001")");
  }
  ExpectGives({"PUT /blobs/{id}", {"7"}, "", kJson, R"("_wE")"}, R"(id: "7" data: "\377\001")");
}

constexpr char kForm[] = "application/x-www-form-urlencoded";

// What is sent without a content type, or with the one that curl -d adds of itself.
TEST(TranslateRequest, TakesAnUntypedBodyForWhatItLooksLike) {
  struct Case {
    std::string body;
    std::string text_proto;  // Of the message; empty: it is refused,
    std::string error;       // and this is in the message.
  };
  for (const Case& c : std::vector<Case>{
           // Text.
           {"I have an idea!", R"(text: "I have an idea!")"},
           {"a = b", R"(text: "a = b")"},
           {"a=b & c=d", R"(text: "a=b & c=d")"},
           {"text", R"(text: "text")"},
           {"1 + 1 = 2 & 2", R"(text: "1 + 1 = 2 & 2")"},
           {"\"quoted\"", R"(text: "\"quoted\"")"},
           {"[1]", R"(text: "[1]")"},
           {"{braces}", R"(text: "{braces}")"},
           {"{\"a\": 1} is JSON", R"(text: "{\"a\": 1} is JSON")"},
           {"\xEF\xBB\xBFmarked", R"(text: "marked")"},
           {"a\xEF\xBB\xBF", R"(text: "a\xEF\xBB\xBF")"},
           // Fields.
           {"text=I+have+an+idea%21", R"(text: "I have an idea!")"},
           {"text=I have an idea!", R"(text: "I have an idea!")"},
           {"max_length=9&text=a", R"(text: "a" max_length: 9)"},
           {"\xEF\xBB\xBFtext=a", R"(text: "a")"},
           {"max_length=9", "", "the form gives no text"},
           {"prompt=Once&max_tokens=2", "", "unknown form field \"prompt\""},
           {"text=a&colour=red", "", "unknown form field \"colour\""},
           {"a=b&max_length=9", "", "unknown form field \"a\""},
           {"id=8&text=a", "", "the path gives it"},
           // JSON.
           {R"({"text":"a"})", "",
            "send it to POST /texts/{id}:put with the header Content-Type: "},
           {" \n{\"text\":\"a\"} ", "", "is a JSON object"},
           {"\xEF\xBB\xBF{}", "", "is a JSON object"},
           {R"({"text":"a","text":"b"})", "", "as JSON it is broken: "},
           {R"({"text": "a", "top_p": NaN})", "", "as JSON it is broken: "},
           {R"({"text":"a",})", "", "as JSON it is broken: "},
           {"{'text': 'a'}", "", "as JSON it is broken: "},
           {R"({"a", "b"})", R"(text: "{\"a\", \"b\"}")"},
       }) {
    for (const char* type : {"", kForm}) {
      const Request request = {"PUT /texts/{id}", {"7"}, "", type, c.body};
      if (c.error.empty()) {
        ExpectGives(request, c.text_proto + " id: \"7\"");
      } else {
        EXPECT_THAT(Translate(request), IsInvalid(HasSubstr(c.error))) << c.body;
      }
    }
    // Of what is said to be text nothing is made.
    if (FindInvalidUtf8(c.body) == std::string::npos && !c.body.starts_with("\xEF")) {
      testing::PutTextRequest message;
      const std::vector<std::string> id = {"7"};
      ASSERT_THAT(TranslateRequest(GetTestBinding("PUT /texts/{id}"),
                                   {id, "", "text/plain", c.body}, message),
                  IsOk());
      EXPECT_EQ(message.text(), c.body);
    }
  }
  ExpectGives({"PUT /texts/{id}", {"7"}, "max_length=9", kForm, "text=a"},
              R"(id: "7" text: "a" max_length: 9)");
}

TEST(TranslateRequest, LeavesAByteOrderMarkOut) {
  const std::string mark = "\xEF\xBB\xBF";
  ExpectGives({"PUT /texts/{id}", {"7"}, "", "text/plain", mark + "a"}, R"(id: "7" text: "a")");
  ExpectGives({"PUT /texts/{id}", {"7"}, "", kJson, mark + "\"a\""}, R"(id: "7" text: "a")");
  ExpectGives({"POST /echo", {}, "", kJson, mark + R"({"i32":1})"}, "i32: 1");
  // One alone, and only where the body begins.
  ExpectGives({"PUT /texts/{id}", {"7"}, "", "text/plain", mark + mark},
              "id: \"7\" text: \"\xEF\xBB\xBF\"");
  ExpectGives({"PUT /texts/{id}", {"7"}, "", kJson, R"("\ufeffa")"},
              "id: \"7\" text: \"\xEF\xBB\xBF\" \"a\"");
  ExpectGives({"PUT /blobs/{id}", {"7"}, "", "", mark}, R"(id: "7" data: "\357\273\277")");
  EXPECT_THAT(Translate({"PUT /texts/{id}", {"7"}, "", "text/plain", mark + "\xFF"}),
              IsInvalid(HasSubstr("byte 3 is not")));
}

TEST(TranslateRequest, SaysWhatATextFieldMustBe) {
  const auto error = [](const std::string& type, const std::string& body) {
    return Translate({"PUT /texts/{id}", {"7"}, "", type, body});
  };
  EXPECT_THAT(error("text/plain", "ab\xFFz"),
              IsInvalid("the body, the field text, must be UTF-8: byte 2 is not"));
  EXPECT_THAT(error(kJson, R"({"text":"a secret"})"),
              IsInvalid("the body must be a JSON string, the field text, not an object; JSON "
                        "objects go to POST /texts/{id}:put"));
  EXPECT_THAT(error(kJson, "[]"),
              IsInvalid("the body must be a JSON string, the field text, not an array"));
  EXPECT_THAT(error(kJson, "5"), IsInvalid(HasSubstr("not a number")));
  EXPECT_THAT(error(kJson, "true"), IsInvalid(HasSubstr("not a truth value")));
  EXPECT_THAT(error(kJson, "null"), IsInvalid(HasSubstr("not null")));
  EXPECT_THAT(
      error(kJson, "I have an idea"),
      IsInvalid("invalid JSON at line 1, column 1: syntax error while parsing value - invalid "
                "literal"));
  EXPECT_THAT(error(kJson, ""), IsInvalid(HasSubstr("unexpected end of input")));
}

TEST(TranslateRequest, RefusesOtherContentTypesWith415) {
  struct Case {
    std::string binding, content_type, error;
  };
  for (const Case& c : std::vector<Case>{
           {"POST /echo", "application/x-www-form-urlencoded",
            "unsupported content type: POST /echo takes application/json: "
            "\"application/x-www-form-urlencoded\"; send the header Content-Type: "
            "application/json"},
           {"POST /echo", "text/plain",
            "unsupported content type: POST /echo takes application/json: \"text/plain\"; send the "
            "header Content-Type: application/json"},
           {"POST /echo", "multipart/form-data; boundary=x",
            "unsupported content type: POST /echo takes application/json: "
            "\"multipart/form-data\"; a multipart body is not read (curl: -d in the place of -F)"},
           {"PUT /texts/{id}", "multipart/form-data; boundary=x",
            "unsupported content type: PUT /texts/{id} takes text/plain, "
            "application/x-www-form-urlencoded, application/json: \"multipart/form-data\"; a "
            "multipart body is not read (curl: -d in the place of -F)"},
           {"PUT /texts/{id}", "image/png",
            "unsupported content type: PUT /texts/{id} takes text/plain, "
            "application/x-www-form-urlencoded, application/json: \"image/png\"; send the header "
            "Content-Type: text/plain"},
           {"PUT /texts/{id}", "application/octet-stream",
            "unsupported content type: PUT /texts/{id} takes text/plain, "
            "application/x-www-form-urlencoded, application/json: \"application/octet-stream\"; "
            "send the header Content-Type: text/plain"},
           {"PUT /texts/{id}", "text/plain; charset=latin1",
            "unsupported content type: the charset must be utf-8: \"latin1\""},
           {"POST /echo", "application/json; charset=utf-16",
            "unsupported content type: the charset must be utf-8: \"utf-16\""},
           {"POST /echo", "json", "unsupported content type: not a content type: \"json\""},
       }) {
    const absl::Status status = Translate({c.binding, {"7"}, "", c.content_type, "{}"});
    EXPECT_THAT(status, IsInvalid(c.error));
    EXPECT_EQ(HttpStatus(status), 415);
  }
}

TEST(TranslateRequest, RefusesAFieldFromTwoSides) {
  const auto error = [](const std::string& body) {
    return Translate({"POST /echo/{text}/{inner.name}", {"t", "n"}, "", kJson, body});
  };
  EXPECT_THAT(error(R"({"text":"t"})"),
              IsInvalid("the body must not have the field text: the path gives it"));
  EXPECT_THAT(error(R"({"text":null})"), IsInvalid(HasSubstr("the field text")));
  EXPECT_THAT(error(R"({"inner":{"name":"n"}})"),
              IsInvalid("the body must not have the field inner.name: the path gives it"));
  EXPECT_THAT(
      Translate({"PATCH /v1/{book.name=shelves/*/books/*}", {"x"}, "", kJson, R"({"name":"y"})"}),
      IsInvalid("the body must not have the field book.name: the path gives it"));
  EXPECT_THAT(Translate({"POST /echo", {}, "flag=true", kJson, "{}"}),
              IsInvalid(HasSubstr("unknown query parameter \"flag\"")));
  EXPECT_THAT(Translate({"PUT /inner", {}, "inner.name=x", kJson, "{}"}),
              IsInvalid(HasSubstr("the body gives inner")));
}

TEST(TranslateRequest, SaysWhatIsWrong) {
  struct Case {
    Request request;
    std::string error;
  };
  for (const Case& c : std::vector<Case>{
           {{"POST /echo", {}, "", kJson, ""}, "the body is empty: POST /echo takes JSON"},
           {{"POST /echo", {}, "", kJson, "[]"}, "the body must be a JSON object: an array"},
           {{"POST /echo", {}, "", kJson, R"({"u32":"x"})"},
            "u32 must be an integer from 0 to 4294967295: \"x\""},
           {{"POST /echo", {}, "", kJson, R"({"u32":1,})"},
            "invalid JSON at line 1, column 10: syntax error while parsing object key - unexpected "
            "'}'; expected string literal"},
           {{"PUT /numbers", {}, "", kJson, R"([1,"x"])"},
            "numbers[1] must be an integer from -2147483648 to 2147483647: \"x\""},
           {{"GET /search", {}, "", "", "hello"}, "GET /search takes no body: 5 bytes came"},
           {{"PUT /color/{color}/{i32}/{flag}", {"GREEN", "1", "true"}},
            "the path's color must be one of COLOR_UNSPECIFIED, COLOR_RED, COLOR_DEEP_BLUE: "
            "\"GREEN\""},
           {{"PUT /color/{color}/{i32}/{flag}", {"1", "1.5", "true"}},
            "the path's i32 must be an integer from -2147483648 to 2147483647: \"1.5\""},
           {{"PUT /color/{color}/{i32}/{flag}", {"1", "1", "yes"}},
            "the path's flag must be true or false: \"yes\""},
       }) {
    const absl::Status status = Translate(c.request);
    EXPECT_THAT(status, IsInvalid(c.error));
    EXPECT_EQ(HttpStatus(status), 400);
  }
}

}  // namespace
}  // namespace chorus::gateway
