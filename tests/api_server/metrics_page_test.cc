#include "api_server/metrics_page.h"

#include <gtest/gtest.h>

namespace chorus::gateway {
namespace {

constexpr char kOwn[] =
    "# HELP calls Calls, all of them\n"
    "# TYPE calls counter\n"
    "calls{reason=\"full\"} 1\n"
    "# HELP up Up\n"
    "# TYPE up gauge\n"
    "up 1\n";

TEST(MergeMetricsPages, WithoutOthersItIsThePageItself) {
  EXPECT_EQ(MergeMetricsPages(kOwn, {}), kOwn);
}

TEST(MergeMetricsPages, PutsAFamilysSamplesTogetherAndTellsReplicasApart) {
  const std::string runner =
      "# HELP tokens Tokens\n"
      "# TYPE tokens counter\n"
      "tokens{model=\"a{b} c\"} 7\n"
      "# HELP calls Calls of a runner\n"
      "# TYPE calls counter\n"
      "calls{reason=\"full\"} 2\n"
      "calls 3\n";
  EXPECT_EQ(MergeMetricsPages(kOwn, {{"a", 0, runner}, {"a", 1, runner}}),
            "# HELP calls Calls, all of them\n"
            "# TYPE calls counter\n"
            "calls{reason=\"full\"} 1\n"
            "calls{replica=\"0\",reason=\"full\"} 2\n"
            "calls{replica=\"0\"} 3\n"
            "calls{replica=\"1\",reason=\"full\"} 2\n"
            "calls{replica=\"1\"} 3\n"
            "# HELP up Up\n"
            "# TYPE up gauge\n"
            "up 1\n"
            "# HELP tokens Tokens\n"
            "# TYPE tokens counter\n"
            "tokens{replica=\"0\",model=\"a{b} c\"} 7\n"
            "tokens{replica=\"1\",model=\"a{b} c\"} 7\n");
}

}  // namespace
}  // namespace chorus::gateway
