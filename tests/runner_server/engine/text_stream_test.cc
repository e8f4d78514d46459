#include "runner_server/engine/text_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::IsEmpty;

class FakeBytes : public TokenBytes {
 public:
  explicit FakeBytes(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}
  std::string_view token_bytes(int32_t id) const override { return tokens_.at(id); }

 private:
  const std::vector<std::string> tokens_;
};

struct Delta {
  std::string text;
  std::vector<int32_t> ids;  // Of its log-probabilities.
};

// The deltas of a stream of these tokens, whose ids are their places; with `end` one without a text
// follows them.
std::vector<Delta> Deltas(const std::vector<std::string>& tokens,
                          const std::vector<std::string>& stop, bool end = false) {
  const FakeBytes bytes(tokens);
  TextStream stream(bytes, StopStringMatcher(stop));
  std::vector<Delta> deltas;
  const auto take = [&](const chorus::v1::TextDelta& delta) {
    EXPECT_EQ(delta.num_tokens(), static_cast<uint32_t>(delta.logprobs_size()));
    if (delta.num_tokens() == 0) {
      EXPECT_EQ(delta.text(), "");
      return;
    }
    Delta& taken = deltas.emplace_back(Delta{.text = delta.text(), .ids = {}});
    for (const chorus::v1::TokenLogprob& logprob : delta.logprobs()) {
      taken.ids.push_back(static_cast<int32_t>(logprob.id()));
    }
  };
  const auto logprob = [](size_t id) {
    chorus::v1::TokenLogprob logprob;
    logprob.set_id(static_cast<uint32_t>(id));
    return logprob;
  };
  for (size_t id = 0; id < tokens.size() && !stream.stopped(); ++id) {
    take(stream.Append(static_cast<int32_t>(id), logprob(id)));
  }
  if (end) stream.AppendEnd(logprob(tokens.size()));
  take(stream.Finish());
  return deltas;
}

TEST(TextStream, BringsEachTokenWithItsText) {
  EXPECT_THAT(Deltas({"a", " b", "c"}, {}),
              ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre(" b", ElementsAre(1)),
                          FieldsAre("c", ElementsAre(2))));
}

TEST(TextStream, BringsATokenWithoutTextAlongWithTheNext) {
  EXPECT_THAT(Deltas({"a", "", "b", ""}, {}),
              ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre("b", ElementsAre(1, 2)),
                          FieldsAre("", ElementsAre(3))));
  EXPECT_THAT(Deltas({"", "a"}, {}, /*end=*/true),
              ElementsAre(FieldsAre("a", ElementsAre(0, 1)), FieldsAre("", ElementsAre(2))));
  EXPECT_THAT(Deltas({}, {}, /*end=*/true), ElementsAre(FieldsAre("", ElementsAre(0))));
}

TEST(TextStream, BringsAllTokensOfACharacterWithIt) {
  EXPECT_THAT(
      Deltas({"a", "\xF0\x9F", "\x99", "\x82z"}, {}),
      ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre("🙂z", ElementsAre(1, 2, 3))));
  EXPECT_THAT(Deltas({"a", "\xF0\x9F", "\x99"}, {}),
              ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre("\uFFFD", ElementsAre(1, 2))));
  // Not even what the end makes of an open character comes without its token.
  EXPECT_THAT(Deltas({"a\xF0", "\x9F"}, {}, /*end=*/true),
              ElementsAre(FieldsAre("a\uFFFD", ElementsAre(0, 1, 2))));
  EXPECT_THAT(Deltas({"a\xC3", "\xA9z", "b"}, {}),
              ElementsAre(FieldsAre("aéz", ElementsAre(0, 1)), FieldsAre("b", ElementsAre(2))));
}

TEST(TextStream, HoldsTokensBackWithTheirText) {
  EXPECT_THAT(Deltas({"a", "E", "N", "T"}, {"END"}),
              ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre("ENT", ElementsAre(1, 2, 3))));
  EXPECT_THAT(Deltas({"a", "E", "N"}, {"END"}),
              ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre("EN", ElementsAre(1, 2))));
  // The text of a token is not torn.
  EXPECT_THAT(Deltas({"a E", "x", "y"}, {"END"}),
              ElementsAre(FieldsAre("a Ex", ElementsAre(0, 1)), FieldsAre("y", ElementsAre(2))));
  EXPECT_THAT(Deltas({"a", "bE", "N E"}, {"END"}, /*end=*/true),
              ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre("bE", ElementsAre(1)),
                          FieldsAre("N E", ElementsAre(2, 3))));
}

TEST(TextStream, CountsTheTokensOfAStopString) {
  EXPECT_THAT(Deltas({"a", "E", "ND", "b"}, {"END"}),
              ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre("", ElementsAre(1, 2))));
  // Of which it takes a part of the text.
  EXPECT_THAT(Deltas({"a", " E", "ND", "b"}, {"END"}),
              ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre(" ", ElementsAre(1, 2))));
  EXPECT_THAT(Deltas({"a", "b cENDd"}, {"END"}),
              ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre("b c", ElementsAre(1))));
  // What had been held back of another beginning of it goes out with its own tokens.
  EXPECT_THAT(Deltas({"EN", "E", "N", "D"}, {"END"}),
              ElementsAre(FieldsAre("EN", ElementsAre(0)), FieldsAre("", ElementsAre(1, 2, 3))));
}

TEST(TextStream, StopsEvenAtWhatTheEndMakesOfAnOpenCharacter) {
  const FakeBytes bytes({"a\xF0"});
  const std::vector<std::string> stop = {"\uFFFD"};
  TextStream stream(bytes, StopStringMatcher(stop));
  EXPECT_EQ(stream.Append(0, std::nullopt).num_tokens(), 0u);
  EXPECT_FALSE(stream.stopped());
  const chorus::v1::TextDelta last = stream.Finish();
  EXPECT_EQ(last.text(), "a");
  EXPECT_EQ(last.num_tokens(), 1u);
  EXPECT_TRUE(stream.stopped());
}

TEST(TextStream, CountsTokensWithoutLogProbabilities) {
  const FakeBytes bytes({"a"});
  TextStream stream(bytes, StopStringMatcher());
  const chorus::v1::TextDelta delta = stream.Append(0, std::nullopt);
  EXPECT_EQ(delta.num_tokens(), 1u);
  EXPECT_THAT(delta.logprobs(), IsEmpty());
}

}  // namespace
}  // namespace chorus::runner
