#include "api_server/transcoding/json_parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/api_server/transcoding/status_matchers.h"

namespace chorus {
namespace {

using testing::HasSubstr;
using Kind = JsonValue::Kind;

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

// Where the RFC leaves a choice, what is accepted: numbers of any size. Invalid UTF-8, lone
// surrogates, other encodings, a byte order mark and depth 500 are refused.
const std::set<std::string> kAcceptedChoices = {
    "i_number_double_huge_neg_exp.json", "i_number_huge_exp.json",
    "i_number_neg_int_huge_exp.json",    "i_number_pos_double_huge_exp.json",
    "i_number_real_neg_overflow.json",   "i_number_real_pos_overflow.json",
    "i_number_real_underflow.json",      "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",     "i_number_very_big_negative_int.json"};

TEST(JsonTestSuite, AgreesOnEveryFile) {
  int accepted = 0, refused = 0, choices = 0;
  for (const auto& [name, text] : ReadSuite()) {
    const bool ok = ParseJson(text).ok();
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

TEST(ParseJson, SaysWhatIsWrongAndWhere) {
  struct Case {
    std::string text, error;
  };
  for (const Case& c : std::vector<Case>{
           {"", "line 1, column 1: expected a value, not the end of the text"},
           {"  \n ", "line 2, column 2: expected a value, not the end of the text"},
           {"{", "line 1, column 2: expected a name in double quotes, not the end of the text"},
           {"{\"a\"}", "line 1, column 5: expected \":\""},
           {"{\"a\":1,}", "line 1, column 8: expected a name in double quotes"},
           {"{\"a\":1 \"b\":2}", "line 1, column 8: expected \",\" or \"}\""},
           {"{a:1}", "line 1, column 2: expected a name in double quotes"},
           {"{'a':1}", "line 1, column 2: expected a name in double quotes"},
           {"[1,]", "line 1, column 4: expected a value"},
           {"[1 2]", "line 1, column 4: expected \",\" or \"]\""},
           {"[1", "line 1, column 3: expected \",\" or \"]\", not the end of the text"},
           {"[1}", "line 1, column 3: expected \",\" or \"]\""},
           {"1 2", "line 1, column 3: expected the end of the text"},
           {"/* c */ 1", "line 1, column 1: expected a value"},
           {"[1, // c\n2]", "line 1, column 5: expected a value"},
           {"NaN", "line 1, column 1: expected a value"},
           {"-Infinity", "line 1, column 1: expected a value"},
           {"nul", "line 1, column 1: expected a value"},
           {"01", "line 1, column 2: expected the end of the text"},
           {"+1", "line 1, column 1: expected a value"},
           {".5", "line 1, column 1: expected a value"},
           {"\"\xC3\xA4\n\"",
            "line 1, column 3: the control character 0x0A must be escaped in a "
            "string"},
           {"[\"a\",\n \"\xC3\xA4\xC3\xA4\" x]", "line 2, column 7: expected \",\" or \"]\""},
           {"\"a",
            "line 1, column 3: expected the string's closing quote, not the end of the "
            "text"},
           {"\"\\x\"", "line 1, column 3: expected one of \" \\ / b f n r t u after the backslash"},
           {"\"\\u12g4\"", "line 1, column 6: expected four hexadecimal digits after \\u"},
           {"\"\\ud800\"", "line 1, column 8: the surrogate \\uD800 must be one of a pair"},
           {"\"\\udc00\"", "line 1, column 8: the surrogate \\uDC00 must be one of a pair"},
           {"\"\\ud800\\ud800\"", "line 1, column 14: the surrogate \\uD800 must be one of a pair"},
           {"\"a\xFF\"", "line 1, column 3: byte 0xFF is not UTF-8"},
           {"\xEF\xBB\xBF{}", "line 1, column 1: a byte order mark is not allowed"},
           {"{\"a\":1,\n\"a\":2}", "line 2, column 1: the name \"a\" is there twice"},
           {std::string("1\0", 2), "line 1, column 2: expected the end of the text"},
       }) {
    EXPECT_THAT(ParseJson(c.text), IsInvalid("invalid JSON at " + c.error));
  }
}

TEST(ParseJson, ComparesNamesUnescapedAndWithinOneObject) {
  EXPECT_THAT(ParseJson(R"({"a":1,"\u0061":2})"), IsInvalid(HasSubstr("\"a\" is there twice")));
  EXPECT_THAT(ParseJson(R"({"/":1,"\/":2})"), IsInvalid(HasSubstr("is there twice")));
  EXPECT_THAT(ParseJson(R"({"":1,"":2})"), IsInvalid(HasSubstr("is there twice")));
  EXPECT_THAT(ParseJson(R"([{"a":{"x":[{"a":1},{"a":2}]}}])"), IsOk());
  EXPECT_THAT(ParseJson(R"({"a":1,"A":2,"\u00e4":3,"a\u0308":4})"), IsOk());
}

std::string Nested(int depth, const std::string& open, const std::string& close) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += open;
  text += "1";
  for (int i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(ParseJson, NestsAHundredDeep) {
  EXPECT_THAT(ParseJson(Nested(100, "[", "]")), IsOk());
  EXPECT_THAT(ParseJson(Nested(100, "{\"a\":", "}")), IsOk());
  const auto too_deep = IsInvalid(HasSubstr("must nest at most 100 deep"));
  EXPECT_THAT(ParseJson(Nested(101, "[", "]")), too_deep);
  EXPECT_THAT(ParseJson(Nested(101, "{\"a\":", "}")), too_deep);
  EXPECT_THAT(ParseJson(std::string(1 << 20, '[')), too_deep);
}

TEST(ParseJson, GivesTheValues) {
  const auto document = ParseJson(
      R"( {"n": -1.5e3 , "s":"a\"\\\/\b\f\n\r\t\u0000\u00e4\u20AC\uD83D\ude42" , "e":"",
           "l":[null,true , false,[],{}],"o":{"x":{"y":1}}, "last" : 2 } )");
  ASSERT_THAT(document, IsOk());
  const JsonValue root = document->root();
  ASSERT_EQ(root.kind(), Kind::kObject);
  EXPECT_TRUE(root.raw().starts_with("{\"n\"") && root.raw().ends_with("2 }"));
  EXPECT_EQ(root.Find("n")->kind(), Kind::kNumber);
  EXPECT_EQ(root.Find("n")->raw(), "-1.5e3");
  EXPECT_EQ(root.Find("s")->string(), std::string("a\"\\/\b\f\n\r\t\0ä€🙂", 19));
  EXPECT_EQ(root.Find("e")->string(), "");
  EXPECT_EQ(root.Find("last")->raw(), "2");
  EXPECT_EQ(root.Find("x"), std::nullopt);
  EXPECT_EQ(root.Find("o")->Find("x")->Find("y")->raw(), "1");

  std::vector<Kind> kinds;
  for (const JsonValue element : root.Find("l")->children()) kinds.push_back(element.kind());
  EXPECT_THAT(kinds, testing::ElementsAre(Kind::kNull, Kind::kTrue, Kind::kFalse, Kind::kArray,
                                          Kind::kObject));
  EXPECT_EQ(root.Find("l")->raw(), "[null,true , false,[],{}]");
}

TEST(ParseJson, IsLinearInNamesThatDiffer) {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) absl::StrAppend(&text, "\"", i, "\":0,");
  text.back() = '}';
  const auto document = ParseJson(text);
  ASSERT_THAT(document, IsOk());
  EXPECT_EQ(document->root().Find("99999")->raw(), "0");
}

TEST(ScanJsonNumber, GivesTheLength) {
  struct Case {
    std::string text;
    size_t length;
  };
  for (const Case& c : std::vector<Case>{
           {"0", 1},    {"-0", 2},   {"12", 2},   {"012", 1},   {"1.5", 3}, {"1.", 0},
           {"1.e5", 0}, {"1e5", 3},  {"1E+5", 4}, {"1e-05", 5}, {"1e", 0},  {"1e+", 0},
           {"-", 0},    {"", 0},     {".5", 0},   {"+1", 0},    {"1,2", 1}, {"-a", 0},
           {"0x10", 1}, {"1.5x", 3}, {"inf", 0},  {"nan", 0},   {" 1", 0},  {"0.0e0", 5}}) {
    EXPECT_EQ(ScanJsonNumber(c.text), c.length) << c.text;
  }
}

}  // namespace
}  // namespace chorus
