#include "runner_server/engine/stop_string_matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;

// What each piece lets out, and what Finish() does.
std::vector<std::string> Emissions(StopStringMatcher matcher,
                                   const std::vector<std::string>& pieces) {
  std::vector<std::string> emissions;
  for (const std::string& piece : pieces) emissions.push_back(matcher.Append(piece));
  emissions.push_back(matcher.Finish());
  return emissions;
}

StopStringMatcher Make(const std::vector<std::string>& stop) { return StopStringMatcher(stop); }

TEST(StopStringMatcher, LetsEverythingOutWithoutStopStrings) {
  EXPECT_THAT(Emissions({}, {"ab", "", "c"}), ElementsAre("ab", "", "c", ""));
}

TEST(StopStringMatcher, HoldsBackWhatCouldBeTheBeginning) {
  EXPECT_THAT(Emissions(Make({"END"}), {"the E", "N", "T", " END.", "more"}),
              ElementsAre("the ", "", "ENT", " ", "", ""));
  EXPECT_THAT(Emissions(Make({"\n\n"}), {"a\n", "\nb"}), ElementsAre("a", "", ""));
}

TEST(StopStringMatcher, LetsItOutAtAnotherEnd) {
  EXPECT_THAT(Emissions(Make({"END"}), {"the EN"}), ElementsAre("the ", "EN"));
}

TEST(StopStringMatcher, TellsWhetherItStopped) {
  StopStringMatcher matcher = Make({"b"});
  EXPECT_EQ(matcher.Append("a"), "a");
  EXPECT_FALSE(matcher.stopped());
  EXPECT_EQ(matcher.Append("ab"), "a");
  EXPECT_TRUE(matcher.stopped());
  EXPECT_EQ(matcher.Append("c"), "");
  EXPECT_EQ(matcher.Finish(), "");
  EXPECT_FALSE(Make({"b"}).stopped());
}

TEST(StopStringMatcher, TakesWhatIsCompleteFirstAndThenTheLongest) {
  EXPECT_THAT(Emissions(Make({"abcd", "c"}), {"xabcd"}), ElementsAre("xab", ""));
  EXPECT_THAT(Emissions(Make({"c", "abc"}), {"xabc"}), ElementsAre("x", ""));
  EXPECT_THAT(Emissions(Make({"abab", "aba"}), {"aababab"}), ElementsAre("a", ""));
}

TEST(StopStringMatcher, FindsOneThatBeginsInAnother) {
  EXPECT_THAT(Emissions(Make({"aab"}), {"aaaa", "b"}), ElementsAre("aa", "", ""));
  EXPECT_THAT(Emissions(Make({"abac", "bab"}), {"aba", "b"}), ElementsAre("", "a", ""));
}

// Where the text ends before a stop string, by comparing everywhere.
std::optional<size_t> NaiveStop(std::string_view text, const std::vector<std::string>& stop) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t size = 0;
    for (const std::string& s : stop) {
      if (text.substr(0, end).ends_with(s)) size = std::max(size, s.size());
    }
    if (size > 0) return end - size;
  }
  return std::nullopt;
}

// Bytes at the end of `text` that a stop string begins with.
size_t NaiveHeld(std::string_view text, const std::vector<std::string>& stop) {
  size_t held = 0;
  for (const std::string& s : stop) {
    for (size_t size = 1; size < s.size(); ++size) {
      if (text.ends_with(std::string_view(s).substr(0, size))) held = std::max(held, size);
    }
  }
  return held;
}

// Few different characters, so that much matches nearly; "é" and "ê" share their first byte.
TEST(StopStringMatcher, DoesAsANaiveSearchOverAnyTextInAnyPieces) {
  std::mt19937 random(5);
  const auto pick = [&](size_t bound) { return random() % bound; };
  const auto make_text = [&](size_t num_characters) {
    static const std::vector<std::string> kCharacters = {"a", "b", "é", "ê", "🙂"};
    const size_t num_kinds = 1 + pick(kCharacters.size());
    std::vector<std::string> characters;
    for (size_t i = 0; i < num_characters; ++i) characters.push_back(kCharacters[pick(num_kinds)]);
    return characters;
  };
  const auto join = [](const std::vector<std::string>& characters) {
    std::string text;
    for (const std::string& c : characters) text += c;
    return text;
  };
  int num_stopped = 0;
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::string> stop(pick(4));
    for (std::string& s : stop) s = join(make_text(1 + pick(6)));
    const std::vector<std::string> characters = make_text(pick(40));
    StopStringMatcher matcher(stop);
    std::string text, out;
    std::optional<size_t> stopped_at;
    for (size_t i = 0; i < characters.size();) {
      std::string piece;
      for (size_t end = std::min(characters.size(), i + pick(4)); i < end; ++i) {
        piece += characters[i];
      }
      if (piece.empty() && pick(2) == 0) piece = characters[i++];
      text += piece;
      out += matcher.Append(piece);
      stopped_at = NaiveStop(text, stop);
      ASSERT_EQ(matcher.stopped(), stopped_at.has_value());
      ASSERT_EQ(out, text.substr(0, stopped_at.value_or(text.size() - NaiveHeld(text, stop))));
      if (stopped_at) break;
    }
    out += matcher.Finish();
    ASSERT_EQ(out, text.substr(0, stopped_at.value_or(text.size())));
    num_stopped += stopped_at.has_value();
  }
  EXPECT_GT(num_stopped, 1000);
  EXPECT_LT(num_stopped, 4000);
}

// To compare everywhere would take a minute and more, and many under a sanitizer.
TEST(StopStringMatcher, TakesLinearTimeForTextThatNearlyMatches) {
  std::vector<std::string> stop;
  for (size_t size = 1008; size < 1024; ++size) stop.push_back(std::string(size, 'a') + "b");
  const std::string text(size_t{4} << 20, 'a');
  StopStringMatcher matcher(stop);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(matcher.Append(text).size(), text.size() - 1023);
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  EXPECT_LT(time.count(), 120.0);
#else
  EXPECT_LT(time.count(), 20.0);
#endif
}

}  // namespace
}  // namespace chorus::runner
