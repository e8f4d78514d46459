#include "api_server/transcoding/path_matcher.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/api_server/transcoding/status_matchers.h"

namespace chorus::gateway {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::Optional;

struct Registered {
  std::string method, path;
};

// Binding i is the i-th of `registered`.
PathMatcher MakeMatcher(const std::vector<Registered>& registered) {
  PathMatcherBuilder builder;
  for (size_t i = 0; i < registered.size(); ++i) {
    auto parsed = HttpTemplate::Parse(registered[i].path);
    EXPECT_THAT(parsed, IsOk());
    EXPECT_EQ(builder.Add(registered[i].method, *std::move(parsed), static_cast<int>(i)),
              std::nullopt)
        << registered[i].path;
  }
  return std::move(builder).Build();
}

constexpr int kNone = -1;

struct Case {
  std::string method, path;
  int binding;
  std::vector<std::string> values = {};
};

void ExpectMatches(const PathMatcher& matcher, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const auto match = matcher.Match(c.method, c.path);
    ASSERT_THAT(match, IsOk()) << c.path;
    EXPECT_EQ(match->outcome == PathMatch::Outcome::kFound, c.binding != kNone) << c.path;
    EXPECT_EQ(match->binding, c.binding) << c.method << " " << c.path;
    EXPECT_THAT(match->variable_values, ElementsAreArray(c.values)) << c.path;
  }
}

TEST(PathMatcher, BindsVariables) {
  ExpectMatches(MakeMatcher({{"GET", "/v1/{id}"},
                             {"GET", "/v1/{name=shelves/*/books/*}"},
                             {"GET", "/v1/{a}/b/{c}"},
                             {"GET", "/files/{path=**}"},
                             {"GET", "/{x=lit}"}}),
                {{"GET", "/v1/7", 0, {"7"}},
                 {"GET", "/v1/shelves/1/books/2", 1, {"shelves/1/books/2"}},
                 {"GET", "/v1/x/b/y", 2, {"x", "y"}},
                 {"GET", "/files/a/b//c", 3, {"a/b//c"}},
                 {"GET", "/files/a", 3, {"a"}},
                 {"GET", "/files/", 3, {""}},
                 {"GET", "/files", 3, {""}},
                 {"GET", "/lit", 4, {"lit"}},
                 {"GET", "/other", kNone},
                 {"GET", "/v1/x/b", kNone},
                 {"GET", "/v1/x/b/y/z", kNone},
                 {"GET", "/", kNone}});
}

TEST(PathMatcher, SplitsBeforeDecoding) {
  ExpectMatches(MakeMatcher({{"GET", "/one/{x}"},
                             {"GET", "/many/{x=**}"},
                             {"GET", "/two/{x=a/*}"},
                             {"GET", "/sp%20ace%2Fslash"}}),
                {{"GET", "/one/a%2Fb%2fc", 0, {"a/b/c"}},
                 {"GET", "/one/a%20b+c", 0, {"a b+c"}},
                 {"GET", "/one/%25", 0, {"%"}},
                 {"GET", "/many/a%2Fb/c%2fd%20e", 1, {"a%2Fb/c%2fd e"}},
                 {"GET", "/two/a/b%2Fc", 2, {"a/b%2Fc"}},
                 {"GET", "/two/a%2Fb", kNone},
                 {"GET", "/%6Fne/x", 0, {"x"}},
                 {"GET", "/sp%20ace%2fslash", 3},
                 {"GET", "/sp%20ace/slash", kNone},
                 {"GET", "/sp+ace%2fslash", kNone}});
}

TEST(PathMatcher, PrefersLiteralsFromLeftToRight) {
  ExpectMatches(MakeMatcher({{"GET", "/a/b"},
                             {"GET", "/a/{x}"},
                             {"GET", "/{x}/b"},
                             {"GET", "/{x=**}"},
                             {"GET", "/a/{x}/c/d"},
                             {"GET", "/a/b/c"}}),
                {{"GET", "/a/b", 0},
                 {"GET", "/a/z", 1, {"z"}},
                 {"GET", "/z/b", 2, {"z"}},
                 {"GET", "/z/z", 3, {"z/z"}},
                 // The literal b leads nowhere, so the search comes back for the variable.
                 {"GET", "/a/b/c/d", 4, {"b"}},
                 {"GET", "/a/b/c", 5},
                 {"GET", "/a/b/x", 3, {"a/b/x"}},
                 {"GET", "/", 3, {""}}});
}

TEST(PathMatcher, AStarNeedsACharacter) {
  ExpectMatches(MakeMatcher({{"GET", "/a/{x}"}, {"GET", "/b/{x}/c"}, {"GET", "/c"}}),
                {{"GET", "/a/", kNone},
                 {"GET", "/a", kNone},
                 {"GET", "/b//c", kNone},
                 {"GET", "/c/", kNone},
                 {"GET", "//c", kNone}});
}

TEST(PathMatcher, HandlesVerbs) {
  ExpectMatches(MakeMatcher({{"POST", "/v1/models/{model}:generate"},
                             {"GET", "/v1/models/{model}"},
                             {"POST", "/v1/{name=**}:run"},
                             {"POST", "/plain:go"},
                             {"POST", "/esc:a%2Fb"}}),
                {{"POST", "/v1/models/gpt2:generate", 0, {"gpt2"}},
                 {"POST", "/v1/models/gpt2:demo:generate", 0, {"gpt2:demo"}},
                 {"POST", "/v1/models/gpt2%3Ademo:generate", 0, {"gpt2:demo"}},
                 {"GET", "/v1/models/gpt2:demo", 1, {"gpt2:demo"}},
                 {"GET", "/v1/models/gpt2%3Agenerate", 1, {"gpt2:generate"}},
                 {"POST", "/v1/models/gpt2%3Agenerate", 0, {"gpt2"}},
                 {"POST", "/v1/models/gpt2%3Ademo%3agenerate", 0, {"gpt2:demo"}},
                 {"POST", "/v1/models/gpt2:demo%3Agenerate", 0, {"gpt2:demo"}},
                 {"POST", "/v1/models/gpt2%253Agenerate", kNone},
                 {"POST", "/v1/models/gpt2%3Agenerate:", kNone},
                 {"POST", "/v1/models/%3Agenerate", kNone},
                 {"POST", "/v1/models%3Agenerate", kNone},
                 {"POST", "/v1/a/b%2Fc%3Arun", 2, {"a/b%2Fc"}},
                 {"POST", "/v1%3Aa/b%3Arun", kNone},
                 {"GET", "/v1/models/gpt2:", 1, {"gpt2:"}},
                 {"POST", "/v1/a/b/c:run", 2, {"a/b/c"}},
                 {"POST", "/v1:run", 2, {""}},
                 {"POST", "/v1/models/:run", 2, {"models/"}},
                 {"POST", "/v1/models/:generate", kNone},
                 {"POST", "/plain:go", 3},
                 {"POST", "/plain:stop", kNone},
                 {"POST", "/plain", kNone},
                 {"POST", "/esc:a%2fb", 4},
                 {"POST", "/esc%3Aa%2Fb", 4},
                 {"POST", "/plain%3Ago", 3},
                 {"POST", "/plain%3A", kNone}});
}

TEST(PathMatcher, TellsOtherMethodsFromNoSuchPath) {
  const PathMatcher matcher = MakeMatcher({{"GET", "/a"},
                                           {"PUT", "/a"},
                                           {"DELETE", "/{x}"},
                                           {"POST", "/b/{x}:run"},
                                           {"GET", "/b/{x}"}});
  const auto other = matcher.Match("POST", "/a");
  ASSERT_THAT(other, IsOk());
  EXPECT_EQ(other->outcome, PathMatch::Outcome::kOtherMethods);
  EXPECT_THAT(other->allowed_methods, ElementsAre("DELETE", "GET", "PUT"));

  // The verb exists, so its colon is not part of a name.
  const auto verb = matcher.Match("GET", "/b/x:run");
  ASSERT_THAT(verb, IsOk());
  EXPECT_EQ(verb->outcome, PathMatch::Outcome::kOtherMethods);
  EXPECT_THAT(verb->allowed_methods, ElementsAre("POST"));

  const auto escaped = matcher.Match("PUT", "/b/x%3Arun");
  ASSERT_THAT(escaped, IsOk());
  EXPECT_EQ(escaped->outcome, PathMatch::Outcome::kOtherMethods);
  EXPECT_THAT(escaped->allowed_methods, ElementsAre("POST"));

  const auto none = matcher.Match("GET", "/b/x/y");
  ASSERT_THAT(none, IsOk());
  EXPECT_EQ(none->outcome, PathMatch::Outcome::kNoSuchPath);
  EXPECT_THAT(none->allowed_methods, testing::IsEmpty());

  // A template that has the path but not the method does not hide one that has both.
  ExpectMatches(matcher, {{"DELETE", "/a", 2, {"a"}}, {"get", "/a", kNone}});
}

TEST(PathMatcher, AStarMethodTakesTheOthers) {
  ExpectMatches(MakeMatcher({{"*", "/a"}, {"GET", "/a"}}),
                {{"GET", "/a", 1}, {"POST", "/a", 0}, {"ANY", "/a", 0}});
}

TEST(PathMatcher, RefusesMalformedPaths) {
  const PathMatcher matcher = MakeMatcher({{"GET", "/a/{x}"}, {"GET", "/b/{x=**}"}});
  for (const std::string path : {"", "a", "*", "http://host/a/b", "?x"}) {
    EXPECT_THAT(matcher.Match("GET", path), IsInvalid(HasSubstr("must begin with \"/\""))) << path;
  }
  for (const std::string path : {"/a/%", "/a/%2", "/a/%zz", "/nowhere/%", "/a/x:%", "/%/b:v"}) {
    EXPECT_THAT(matcher.Match("GET", path), IsInvalid(HasSubstr("two hexadecimal digits"))) << path;
  }
  for (const std::string path : {"/a/%FF", "/b/x/%C3", "/b/%ED%A0%80"}) {
    EXPECT_THAT(matcher.Match("GET", path), IsInvalid(HasSubstr("x must be UTF-8"))) << path;
  }
  EXPECT_THAT(matcher.Match("GET", "/b/ab/%C3%A4%FF"), IsInvalid(HasSubstr("byte 5 is not")));
}

TEST(PathMatcherBuilder, GivesTheBindingThatHasTheRouteAlready) {
  struct Case {
    std::string first, second;
    bool same;
  };
  for (const Case& c : std::vector<Case>{{"/a", "/a", true},
                                         {"/a", "/%61", true},
                                         {"/{x}", "/{y}", true},
                                         {"/{x}", "/*", true},
                                         {"/{x=**}", "/**", true},
                                         {"/{x=a/*}", "/a/{y}", true},
                                         {"/a:v", "/a:v", true},
                                         {"/a:v", "/a", false},
                                         {"/a:v", "/a:w", false},
                                         {"/a", "/b", false},
                                         {"/*", "/**", false},
                                         {"/a/*", "/a", false}}) {
    PathMatcherBuilder builder;
    ASSERT_EQ(builder.Add("GET", *HttpTemplate::Parse(c.first), 5), std::nullopt);
    const auto taken = builder.Add("GET", *HttpTemplate::Parse(c.second), 6);
    EXPECT_EQ(taken, c.same ? std::optional<int>(5) : std::nullopt) << c.second;
    EXPECT_EQ(builder.Add("POST", *HttpTemplate::Parse(c.first), 7), std::nullopt);
  }
}

TEST(PathMatcher, StaysLinearOnManyTemplatesAndLongPaths) {
  // Every level has a literal and a variable: 2^12 templates, of which a bad search would try all
  // for each segment over again.
  PathMatcherBuilder builder;
  for (int bits = 0; bits < 1 << 12; ++bits) {
    std::string path;
    for (int i = 0; i < 12; ++i) {
      path += ((bits >> i) & 1) != 0 ? std::string("/*") : std::string("/a");
    }
    ASSERT_EQ(builder.Add("GET", *HttpTemplate::Parse(path), bits), std::nullopt);
  }
  const PathMatcher matcher = std::move(builder).Build();
  std::string path;
  for (int i = 0; i < 12; ++i) path += "/a";
  EXPECT_EQ(matcher.Match("GET", path)->binding, 0);
  EXPECT_EQ(matcher.Match("GET", path + "/b")->outcome, PathMatch::Outcome::kNoSuchPath);
  std::string long_path;
  for (int i = 0; i < 100'000; ++i) long_path += "/a";
  EXPECT_EQ(matcher.Match("GET", long_path)->outcome, PathMatch::Outcome::kNoSuchPath);
}

}  // namespace
}  // namespace chorus::gateway
