#include "runner_server/weights/faults.h"

#include <gtest/gtest.h>

namespace chorus::runner {
namespace {

TEST(Faults, ListsTensorsByKind) {
  Faults faults;
  EXPECT_TRUE(faults.empty());
  faults.Add("missing", "a");
  faults.Add("misshapen", "b");
  faults.Add("missing", "c");
  EXPECT_FALSE(faults.empty());
  EXPECT_EQ(faults.ToString(), "2 missing: a, c; 1 misshapen: b");
}

TEST(Faults, NamesTenOfAKind) {
  Faults faults;
  for (char c = 'a'; c <= 'j'; ++c) faults.Add("missing", std::string(1, c));
  EXPECT_EQ(faults.ToString(), "10 missing: a, b, c, d, e, f, g, h, i, j");
  faults.Add("missing", "k");
  EXPECT_EQ(faults.ToString(), "11 missing: a, b, c, d, e, f, g, h, i, j, and 1 more");
}

}  // namespace
}  // namespace chorus::runner
