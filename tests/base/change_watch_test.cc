#include "base/change_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Look = std::optional<std::string>;

// The looks, from 0, at which what is seen is to be taken. It was started with "A".
std::vector<int> TakenOf(const std::vector<Look>& looks) {
  ChangeWatch<std::string> watch("A");
  std::vector<int> taken;
  for (int i = 0; i < static_cast<int>(looks.size()); ++i) {
    if (watch.See(looks[i], /*asked=*/false)) taken.push_back(i);
  }
  return taken;
}

TEST(ChangeWatch, LeavesAloneWhatDoesNotChange) {
  EXPECT_THAT(TakenOf({"A", "A", "A"}), IsEmpty());
}

TEST(ChangeWatch, TakesAChangeOnceItIsSeenTwice) {
  EXPECT_THAT(TakenOf({"B", "B", "B", "B"}), ElementsAre(1));
  EXPECT_THAT(TakenOf({"A", "B", "B", "C", "B", "A", "A", "A"}), ElementsAre(2, 6));
}

TEST(ChangeWatch, PassesOverWhatIsHalfWritten) {
  EXPECT_THAT(TakenOf({"na", "name:", "name: b", "name: b"}), ElementsAre(3));
}

TEST(ChangeWatch, PassesOverAChangeThatIsTakenBackAtOnce) {
  EXPECT_THAT(TakenOf({"B", "A", "A"}), IsEmpty());
}

TEST(ChangeWatch, TellsOnceThatAFileIsGoneAndTakesItWhenItIsBack) {
  EXPECT_THAT(TakenOf({"gone", "A", "A"}), IsEmpty());  // As an editor does, between two steps.
  EXPECT_THAT(TakenOf({"gone", "gone", "gone", "A", "A"}), ElementsAre(1, 4));
}

TEST(ChangeWatch, TakesAtOnceWhatItIsAskedTo) {
  ChangeWatch<std::string> watch("A");
  EXPECT_TRUE(watch.See("B", /*asked=*/true));
  EXPECT_FALSE(watch.See("B", /*asked=*/false));
  EXPECT_TRUE(watch.See("B", /*asked=*/true));  // Though it has not changed.
}

TEST(ChangeWatch, ALookThatSawNothingChangesNothing) {
  EXPECT_THAT(TakenOf({std::nullopt, std::nullopt, std::nullopt, "A", "A"}), IsEmpty());
  EXPECT_THAT(TakenOf({"B", std::nullopt, "B", "B"}), ElementsAre(2));
}

TEST(ChangeWatch, DoesWhatIsAskedAtTheNextLookThatSeesSomething) {
  ChangeWatch<std::string> watch("A");
  EXPECT_FALSE(watch.See(std::nullopt, /*asked=*/true));
  EXPECT_TRUE(watch.See("B", /*asked=*/false));
  EXPECT_FALSE(watch.See("B", /*asked=*/false));
}

}  // namespace
}  // namespace chorus
