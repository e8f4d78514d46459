#include "api_server/config_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ConfigFiles Files(const std::string& gateway, const std::string& graph) {
  return {.texts = {gateway, graph}};
}

// The looks, from 0, at which the files are to be taken. The server was started with "A".
std::vector<int> TakenOf(const std::vector<ConfigFiles>& looks) {
  ConfigWatch watch(Files("A", "A"));
  std::vector<int> taken;
  for (int i = 0; i < static_cast<int>(looks.size()); ++i) {
    if (watch.See(looks[i], /*asked=*/false)) taken.push_back(i);
  }
  return taken;
}

TEST(ConfigWatch, LeavesFilesAloneThatDoNotChange) {
  EXPECT_THAT(TakenOf({Files("A", "A"), Files("A", "A"), Files("A", "A")}), IsEmpty());
}

TEST(ConfigWatch, TakesAChangeOnceItIsSeenTwice) {
  const ConfigFiles a = Files("A", "A"), b = Files("A", "B"), c = Files("C", "A");
  EXPECT_THAT(TakenOf({b, b, b, b}), ElementsAre(1));
  EXPECT_THAT(TakenOf({a, b, b, c, b, a, a, a}), ElementsAre(2, 6));
}

TEST(ConfigWatch, PassesOverWhatIsHalfWritten) {
  const ConfigFiles half = Files("A", "na"), more = Files("A", "name:"),
                    whole = Files("A", "name: b");
  EXPECT_THAT(TakenOf({half, more, whole, whole}), ElementsAre(3));
  // Of two files, one new and one old.
  EXPECT_THAT(TakenOf({Files("B", "A"), Files("B", "B"), Files("B", "B")}), ElementsAre(2));
}

TEST(ConfigWatch, PassesOverAChangeThatIsTakenBackAtOnce) {
  EXPECT_THAT(TakenOf({Files("A", "B"), Files("A", "A"), Files("A", "A")}), IsEmpty());
}

TEST(ConfigWatch, TellsOnceThatAFileIsGoneAndTakesItWhenItIsBack) {
  const ConfigFiles gone = {.status = absl::NotFoundError("graph.yaml"), .texts = {"A"}};
  const ConfigFiles back = Files("A", "A");
  EXPECT_THAT(TakenOf({gone, back, back}), IsEmpty());  // As an editor does, between two steps.
  EXPECT_THAT(TakenOf({gone, gone, gone, back, back}), ElementsAre(1, 4));
}

TEST(ConfigWatch, TakesAtOnceWhatItIsAskedTo) {
  ConfigWatch watch(Files("A", "A"));
  EXPECT_TRUE(watch.See(Files("A", "B"), /*asked=*/true));
  EXPECT_FALSE(watch.See(Files("A", "B"), /*asked=*/false));
  EXPECT_TRUE(watch.See(Files("A", "B"), /*asked=*/true));  // Though it has not changed.
}

TEST(ConfigWatch, ALookThatSawNothingChangesNothing) {
  const ConfigFiles a = Files("A", "A"), b = Files("A", "B");
  const ConfigFiles blind = {.status = absl::ResourceExhaustedError("too many open files")};
  EXPECT_THAT(TakenOf({blind, blind, blind, a, a}), IsEmpty());
  EXPECT_THAT(TakenOf({b, blind, b, b}), ElementsAre(2));
}

TEST(ConfigWatch, DoesWhatIsAskedAtTheNextLookThatSeesSomething) {
  const ConfigFiles blind = {.status = absl::ResourceExhaustedError("too many open files")};
  ConfigWatch watch(Files("A", "A"));
  EXPECT_FALSE(watch.See(blind, /*asked=*/true));
  EXPECT_TRUE(watch.See(Files("A", "B"), /*asked=*/false));
  EXPECT_FALSE(watch.See(Files("A", "B"), /*asked=*/false));
}

}  // namespace
}  // namespace chorus::gateway
