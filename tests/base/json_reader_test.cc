#include "base/json_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace chorus {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

absl::Status Read(std::string_view text) {
  return JsonReader({.max_depth = 100, .equal_keys = false}).Read(text);
}

std::string Error(std::string_view text) {
  const absl::Status status = Read(text);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

constexpr char kSuite[] = "tests/testdata/json_test_suite/test_parsing";

std::map<std::string, std::string> ReadSuite() {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(kSuite)) {
    std::ifstream file(entry.path(), std::ios::binary);
    files[entry.path().filename().string()] =
        std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return files;
}

// Valid by RFC 8259, which only advises against equal names; refused here on purpose.
const std::set<std::string> kDuplicateNames = {"y_object_duplicated_key.json",
                                               "y_object_duplicated_key_and_value.json"};

// Where the RFC leaves a choice, what is accepted: numbers that a double holds, if not exactly, and
// a byte order mark. Invalid UTF-8, lone surrogates, other encodings and depth 500 are refused.
const std::set<std::string> kAcceptedChoices = {
    "i_number_double_huge_neg_exp.json",   "i_number_real_underflow.json",
    "i_number_too_big_neg_int.json",       "i_number_too_big_pos_int.json",
    "i_number_very_big_negative_int.json", "i_structure_UTF-8_BOM_empty_object.json"};

TEST(JsonTestSuite, AgreesOnEveryFile) {
  int accepted = 0, refused = 0, choices = 0;
  for (const auto& [name, text] : ReadSuite()) {
    const bool ok = Read(text).ok();
    switch (name.front()) {
      case 'y':
        EXPECT_EQ(ok, !kDuplicateNames.contains(name)) << name;
        ++accepted;
        break;
      case 'n':
        EXPECT_FALSE(ok) << name;
        ++refused;
        break;
      default:
        EXPECT_EQ(ok, kAcceptedChoices.contains(name)) << name;
        ++choices;
    }
  }
  EXPECT_EQ(accepted, 95);
  EXPECT_EQ(refused, 188);
  EXPECT_EQ(choices, 35);
}

TEST(JsonReader, SaysWhatIsWrongAndWhere) {
  struct Case {
    std::string text, error;
  };
  for (const Case& c : std::vector<Case>{
           {"",
            "line 1, column 1: syntax error while parsing value - unexpected end of input; "
            "expected '[', '{', or a literal"},
           {"  \n ", "line 2, column 2: "},
           {"{",
            "line 1, column 2: syntax error while parsing object key - unexpected end of "
            "input; expected string literal"},
           {"{\"a\"}", "line 1, column 5: syntax error while parsing object separator - "},
           {"{\"a\":1,}",
            "line 1, column 8: syntax error while parsing object key - unexpected "
            "'}'; expected string literal"},
           {"{\"a\":1 \"b\":2}", "line 1, column 10: syntax error while parsing object - "},
           {"{a:1}", "line 1, column 2: syntax error while parsing object key - invalid literal"},
           {"{'a':1}", "line 1, column 2: "},
           {"[1,]", "line 1, column 4: syntax error while parsing value - unexpected ']'; "},
           {"[1 2]",
            "line 1, column 4: syntax error while parsing array - unexpected number "
            "literal; expected ']'"},
           {"[1", "line 1, column 3: "},
           {"[1}", "line 1, column 3: "},
           {"1 2",
            "line 1, column 3: syntax error while parsing value - unexpected number "
            "literal; expected end of input"},
           {"/* c */ 1", "line 1, column 1: "},
           {"[1, // c\n2]", "line 1, column 5: "},
           {"NaN", "line 1, column 1: syntax error while parsing value - invalid literal"},
           {"-Infinity",
            "line 1, column 2: syntax error while parsing value - invalid number; "
            "expected digit after '-'"},
           {"nul", "line 1, column 4: syntax error while parsing value - invalid literal"},
           {"01", "line 1, column 2: "},
           {"+1", "line 1, column 1: "},
           {".5", "line 1, column 1: "},
           {"[-1e999]", "line 1, column 7: number overflow"},
           {"\"\xC3\xA4\n\"",
            "line 1, column 3: syntax error while parsing value - invalid string: "
            "control character U+000A (LF) must be escaped to \\u000A or \\n"},
           {"[\"a\",\n \"\xC3\xA4\xC3\xA4\" x]", "line 2, column 7: "},
           {"\"a",
            "line 1, column 3: syntax error while parsing value - invalid string: missing "
            "closing quote"},
           {"\"\\x\"",
            "line 1, column 3: syntax error while parsing value - invalid string: "
            "forbidden character after backslash"},
           {"\"\\u12g4\"", "line 1, column 6: "},
           {"\"\\ud800\"",
            "line 1, column 8: syntax error while parsing value - invalid string: "
            "surrogate U+D800..U+DBFF must be followed by U+DC00..U+DFFF"},
           {"\"\\udc00\"", "line 1, column 7: "},
           {"\"\\ud800\\ud800\"", "line 1, column 13: "},
           {"\"a\xFF\"",
            "line 1, column 3: syntax error while parsing value - invalid string: "
            "ill-formed UTF-8 byte"},
           {"{\"a\":1,\n\"a\":2}", "line 2, column 3: the name \"a\" is there twice"},
           {std::string("1\0", 2), "line 1, column 2: a NUL is not allowed"},
           {std::string("\"\0\"", 3), "line 1, column 2: a NUL is not allowed"},
       }) {
    EXPECT_THAT(Error(c.text), StartsWith(c.error)) << c.text;
  }
}

TEST(JsonReader, QuotesNothingOfTheText) {
  for (const std::string text : {"{\"secret\nsecret\":1}", "[\"secret", "secret", "{\"a\":secret}",
                                 "[\"secret\" \"secret\"]", "11110e99999"}) {
    EXPECT_THAT(Error(text), Not(AnyOf(HasSubstr("secret"), HasSubstr("1111")))) << text;
  }
}

TEST(JsonReader, ComparesNamesUnescapedAndWithinOneObject) {
  EXPECT_THAT(Error(R"({"a":1,"\u0061":2})"), HasSubstr("\"a\" is there twice"));
  EXPECT_THAT(Error(R"({"/":1,"\/":2})"), HasSubstr("is there twice"));
  EXPECT_THAT(Error(R"({"":1,"":2})"), HasSubstr("is there twice"));
  EXPECT_TRUE(Read(R"([{"a":{"x":[{"a":1},{"a":2}]}}])").ok());
  EXPECT_TRUE(Read(R"({"a":1,"A":2,"\u00e4":3,"a\u0308":4})").ok());
  EXPECT_TRUE(JsonReader({.max_depth = 1, .equal_keys = true}).Read(R"({"a":1,"a":2})").ok());
}

std::string Nested(int depth, const std::string& open, const std::string& close) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += open;
  text += "1";
  for (int i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(JsonReader, BoundsTheDepth) {
  EXPECT_TRUE(Read(Nested(100, "[", "]")).ok());
  EXPECT_TRUE(Read(Nested(100, "{\"a\":", "}")).ok());
  EXPECT_EQ(Error(Nested(101, "[", "]")), "line 1, column 101: nested deeper than 100 levels");
  EXPECT_THAT(Error(Nested(101, "{\"a\":", "}")), HasSubstr("nested deeper than 100 levels"));
  EXPECT_THAT(Error(std::string(1 << 20, '[')), HasSubstr("nested deeper than 100 levels"));
}

// Writes down what it is told.
class Recorder : public JsonReader {
 public:
  Recorder() : JsonReader({.max_depth = 5, .equal_keys = false}) {}

  std::vector<std::string> events;

  bool null() override { return Add("null"); }
  bool boolean(bool value) override { return Add(value ? "true" : "false"); }
  bool number_integer(int64_t value) override { return Add(absl::StrCat("i", value)); }
  bool number_unsigned(uint64_t value) override { return Add(absl::StrCat("u", value)); }
  bool number_float(double value, const std::string& literal) override {
    return Add(absl::StrCat("f", value, "=", literal));
  }
  bool string(std::string& value) override { return Add("\"" + value); }
  bool key(std::string& key) override { return JsonReader::key(key) && Add(key + ":"); }
  bool start_object(size_t size) override { return JsonReader::start_object(size) && Add("{"); }
  bool end_object() override { return JsonReader::end_object() && Add("}"); }
  bool start_array(size_t size) override { return JsonReader::start_array(size) && Add("["); }
  bool end_array() override { return JsonReader::end_array() && Add("]"); }

 private:
  bool Add(std::string event) {
    if (event == "\"stop") return Fail(3, "stopped");
    events.push_back(std::move(event));
    return true;
  }
};

TEST(JsonReader, TellsTheValues) {
  Recorder recorder;
  ASSERT_TRUE(recorder
                  .Read(R"( {"n": -1.5e3 , "s":"a\"\\\/\b\f\n\r\t\u0000\u00e4\u20AC\uD83D\ude42",
                         "l":[null,true , false,[],{}],"i":-9223372036854775808,
                         "u":18446744073709551615,"b":18446744073709551616 } )")
                  .ok());
  EXPECT_THAT(
      recorder.events,
      ElementsAre("{", "n:", "f-1500=-1.5e3",
                  "s:", std::string("\"a\"\\/\b\f\n\r\t\0ä€🙂", 20), "l:", "[", "null", "true",
                  "false", "[", "]", "{", "}", "]", "i:", "i-9223372036854775808",
                  "u:", "u18446744073709551615", "b:", "f1.84467e+19=18446744073709551616", "}"));
}

TEST(JsonReader, EndsWhereAnEventFails) {
  Recorder recorder;
  EXPECT_EQ(recorder.Read("[1,\"stop\",2]").message(), "line 1, column 4: stopped");
  EXPECT_THAT(recorder.events, ElementsAre("[", "u1"));
}

TEST(JsonReader, IsLinearInNamesThatDiffer) {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) absl::StrAppend(&text, "\"", i, "\":0,");
  text.back() = '}';
  EXPECT_TRUE(Read(text).ok());
}

}  // namespace
}  // namespace chorus
