#include "runner_server/tokenizer/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <optional>
#include <utility>
#include <vector>

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kAll = SIZE_MAX;

// 1, 2, ... or 11, 12, ...
std::vector<int32_t> Ids(int size, int32_t first) {
  std::vector<int32_t> ids(size);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

TEST(Frame, AddsNothingByDefault) {
  const Encoding single = Frame().Apply({1, 2}, std::nullopt, kAll);
  EXPECT_THAT(single.ids, ElementsAre(1, 2));
  EXPECT_THAT(single.type_ids, ElementsAre(0, 0));
  const Encoding pair = Frame().Apply({1, 2}, std::vector<int32_t>{11}, kAll);
  EXPECT_THAT(pair.ids, ElementsAre(1, 2, 11));
  EXPECT_THAT(pair.type_ids, ElementsAre(0, 0, 1));
  EXPECT_THAT(Frame().Apply({}, std::nullopt, kAll).ids, IsEmpty());
}

using Item = Frame::Item;

constexpr Item kCls = {Item::Kind::kToken, 101};
constexpr Item kSep = {Item::Kind::kToken, 102};
constexpr Item kFirst = {Item::Kind::kFirstText};

Frame Bert() {
  return Frame(
      {kCls, kFirst, kSep},
      {kCls, kFirst, kSep, {Item::Kind::kSecondText, -1, 1}, {Item::Kind::kToken, 102, 1}});
}

TEST(Frame, PutsTokensAroundTexts) {
  const Encoding single = Bert().Apply({1, 2}, std::nullopt, kAll);
  EXPECT_THAT(single.ids, ElementsAre(101, 1, 2, 102));
  EXPECT_THAT(single.type_ids, ElementsAre(0, 0, 0, 0));
  const Encoding pair = Bert().Apply({1}, std::vector<int32_t>{11, 12}, kAll);
  EXPECT_THAT(pair.ids, ElementsAre(101, 1, 102, 11, 12, 102));
  EXPECT_THAT(pair.type_ids, ElementsAre(0, 0, 0, 1, 1, 1));
  EXPECT_EQ(pair.full_size, 6u);
}

TEST(Frame, MayHaveATextTwice) {
  const Frame frame({kFirst, kSep, kFirst}, {kFirst, {Item::Kind::kSecondText}, kFirst});
  const Encoding single = frame.Apply({1, 2}, std::nullopt, kAll);
  EXPECT_THAT(single.ids, ElementsAre(1, 2, 102, 1, 2));
  EXPECT_EQ(single.full_size, 5u);
  const Encoding cut = frame.Apply({1, 2}, std::nullopt, 4);
  EXPECT_THAT(cut.ids, ElementsAre(1, 102, 1));
  EXPECT_EQ(cut.full_size, 5u);
  const Encoding pair = frame.Apply({1, 2}, std::vector<int32_t>{11, 12}, 7);
  EXPECT_THAT(pair.ids, ElementsAre(1, 11, 12, 1));
  EXPECT_EQ(pair.full_size, 6u);
}

TEST(Frame, CutsASingleText) {
  const Encoding cut = Bert().Apply({1, 2, 3}, std::nullopt, 4);
  EXPECT_THAT(cut.ids, ElementsAre(101, 1, 2, 102));
  EXPECT_THAT(cut.type_ids, ElementsAre(0, 0, 0, 0));
  EXPECT_EQ(cut.full_size, 5u);
  EXPECT_THAT(Bert().Apply({1, 2, 3}, std::nullopt, 2).ids, ElementsAre(101, 102));
  EXPECT_THAT(Bert().Apply({1, 2, 3}, std::nullopt, 1).ids, ElementsAre(101, 102));
}

// What tokenizers 0.22.2 leaves of texts of these sizes.
TEST(Frame, CutsPairsAsTransformersDoes) {
  struct Case {
    int first, second, max, first_left, second_left;
  };
  for (const Case& c : std::vector<Case>{{9, 3, 13, 7, 3},
                                         {3, 9, 13, 3, 7},
                                         {9, 3, 8, 3, 2},
                                         {9, 3, 9, 3, 3},
                                         {3, 9, 8, 2, 3},
                                         {5, 5, 8, 2, 3},
                                         {5, 5, 9, 3, 3},
                                         {5, 6, 8, 2, 3},
                                         {6, 5, 8, 3, 2},
                                         {1, 9, 8, 1, 4},
                                         {9, 0, 8, 5, 0},
                                         {9, 9, 4, 0, 1},
                                         {9, 9, 3, 0, 0},
                                         {9, 9, 2, 0, 0},
                                         {2, 2, 7, 2, 2}}) {
    SCOPED_TRACE(testing::Message() << c.first << " " << c.second << " in " << c.max);
    const Encoding cut = Bert().Apply(Ids(c.first, 1), Ids(c.second, 11), c.max);
    std::vector<int32_t> expected = {101};
    for (const int32_t id : Ids(c.first_left, 1)) expected.push_back(id);
    expected.push_back(102);
    for (const int32_t id : Ids(c.second_left, 11)) expected.push_back(id);
    expected.push_back(102);
    EXPECT_EQ(cut.ids, expected);
    EXPECT_EQ(cut.full_size, 3u + c.first + c.second);
    std::vector<int32_t> types(2 + c.first_left, 0);
    types.resize(expected.size(), 1);
    EXPECT_EQ(cut.type_ids, types);
  }
}

}  // namespace
}  // namespace chorus::runner
