#include "api_server/runners/endpoint_moves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class EndpointMovesTest : public ::testing::Test {
 protected:
  std::vector<std::string> Leave() {
    return moves_.Leave(
        [this](const std::string& endpoint) { return serving_.contains(endpoint); });
  }

  EndpointMoves moves_{{"a", "b"}};
  std::set<std::string> serving_ = {"a", "b"};
};

TEST_F(EndpointMovesTest, WithoutAChangeNothingLeaves) {
  EXPECT_THAT(Leave(), IsEmpty());
  moves_.Set({"b", "a"});
  EXPECT_THAT(Leave(), IsEmpty());
  EXPECT_FALSE(moves_.moving());
  EXPECT_THAT(moves_.all(), ElementsAre("a", "b"));
}

TEST_F(EndpointMovesTest, OneStaysForEachThatIsNewUntilItServes) {
  moves_.Set({"c", "d"});
  EXPECT_THAT(Leave(), IsEmpty());
  EXPECT_TRUE(moves_.moving());
  EXPECT_TRUE(moves_.Has("a"));
  serving_.insert("d");
  EXPECT_THAT(Leave(), ElementsAre("b"));
  serving_.erase("d");  // It has served; that it does not now is for others to heal.
  EXPECT_THAT(Leave(), IsEmpty());
  serving_.insert("c");
  EXPECT_THAT(Leave(), ElementsAre("a"));
  EXPECT_FALSE(moves_.moving());
  EXPECT_THAT(moves_.all(), ElementsAre("c", "d"));
}

TEST_F(EndpointMovesTest, MoreThanThereAreNewOnesLeaveAtOnce) {
  moves_.Set({"c"});
  EXPECT_THAT(Leave(), ElementsAre("b"));
  moves_.Set({});
  EXPECT_THAT(Leave(), ElementsAre("a", "c"));
  EXPECT_THAT(moves_.all(), IsEmpty());
}

TEST_F(EndpointMovesTest, OneThatDoesNotServeStaysForNobody) {
  serving_.erase("a");
  moves_.Set({"c"});
  EXPECT_THAT(Leave(), ElementsAre("a"));
  EXPECT_TRUE(moves_.Has("b"));
}

TEST_F(EndpointMovesTest, OneStaysWhileNoneOfThoseListedServes) {
  serving_.erase("a");
  moves_.Set({"a"});
  EXPECT_THAT(Leave(), IsEmpty());
  EXPECT_TRUE(moves_.moving());
  serving_.insert("a");
  EXPECT_THAT(Leave(), ElementsAre("b"));
}

TEST_F(EndpointMovesTest, ThoseThatAreNewAreAwaitedUntilTheyServe) {
  EXPECT_THAT(moves_.awaited(), IsEmpty());
  moves_.Set({"c", "a", "d"});
  EXPECT_THAT(moves_.awaited(), ElementsAre("c", "d"));
  serving_.insert("d");
  Leave();
  EXPECT_THAT(moves_.awaited(), ElementsAre("c"));
  moves_.Set({"a"});
  EXPECT_THAT(moves_.awaited(), IsEmpty());
}

TEST_F(EndpointMovesTest, OneThatWasToLeaveComesBack) {
  moves_.Set({"c"});
  Leave();
  moves_.Set({"a", "b"});
  EXPECT_THAT(Leave(), ElementsAre("c"));
  EXPECT_THAT(moves_.all(), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace chorus::gateway
