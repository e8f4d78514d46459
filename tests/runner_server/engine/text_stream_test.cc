#include "runner_server/engine/text_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace chorus {
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

// The deltas of a stream of these tokens, whose ids are their places.
std::vector<Delta> Deltas(const std::vector<std::string>& tokens,
                          const std::vector<std::string>& stop) {
  const FakeBytes bytes(tokens);
  TextStream stream(bytes, StopStringMatcher(stop));
  std::vector<Delta> deltas;
  const auto take = [&](const GenerationDelta& delta) {
    EXPECT_EQ(delta.num_tokens, std::ssize(delta.logprobs));
    if (delta.text.empty()) {
      EXPECT_EQ(delta.num_tokens, 0);
      return;
    }
    Delta& taken = deltas.emplace_back(Delta{.text = delta.text, .ids = {}});
    for (const TokenLogProb& logprob : delta.logprobs) taken.ids.push_back(logprob.id);
  };
  for (size_t id = 0; id < tokens.size() && !stream.stopped(); ++id) {
    const auto token = static_cast<int32_t>(id);
    take(stream.Append(token, TokenLogProb{.id = token}));
  }
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
              ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre("b", ElementsAre(1, 2))));
}

TEST(TextStream, BringsAllTokensOfACharacterWithIt) {
  EXPECT_THAT(
      Deltas({"a", "\xF0\x9F", "\x99", "\x82z"}, {}),
      ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre("🙂z", ElementsAre(1, 2, 3))));
  EXPECT_THAT(Deltas({"a", "\xF0\x9F", "\x99"}, {}),
              ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre("\uFFFD", ElementsAre(1, 2))));
}

TEST(TextStream, HoldsTokensBackWithTheirText) {
  EXPECT_THAT(Deltas({"a", "E", "N", "T"}, {"END"}),
              ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre("ENT", ElementsAre(1, 2, 3))));
  EXPECT_THAT(Deltas({"a", "E", "N"}, {"END"}),
              ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre("EN", ElementsAre(1, 2))));
  // The token goes with the last of its text.
  EXPECT_THAT(Deltas({"a E", "x"}, {"END"}),
              ElementsAre(FieldsAre("a ", IsEmpty()), FieldsAre("Ex", ElementsAre(0, 1))));
}

TEST(TextStream, LetsOutNoTokenOfWhichAStopStringTakesAPart) {
  EXPECT_THAT(Deltas({"a", "E", "ND", "b"}, {"END"}), ElementsAre(FieldsAre("a", ElementsAre(0))));
  EXPECT_THAT(Deltas({"a", " E", "ND", "b"}, {"END"}),
              ElementsAre(FieldsAre("a", ElementsAre(0)), FieldsAre(" ", IsEmpty())));
}

TEST(TextStream, StopsEvenAtWhatTheEndMakesOfAnOpenCharacter) {
  const FakeBytes bytes({"a\xF0"});
  const std::vector<std::string> stop = {"\uFFFD"};
  TextStream stream(bytes, StopStringMatcher(stop));
  EXPECT_EQ(stream.Append(0, std::nullopt).text, "a");
  EXPECT_FALSE(stream.stopped());
  EXPECT_EQ(stream.Finish().text, "");
  EXPECT_TRUE(stream.stopped());
}

TEST(TextStream, CountsTokensWithoutLogProbabilities) {
  const FakeBytes bytes({"a"});
  TextStream stream(bytes, StopStringMatcher());
  const GenerationDelta delta = stream.Append(0, std::nullopt);
  EXPECT_EQ(delta.num_tokens, 1);
  EXPECT_THAT(delta.logprobs, IsEmpty());
}

}  // namespace
}  // namespace chorus
