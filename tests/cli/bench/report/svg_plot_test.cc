#include "cli/bench/report/svg_plot.h"

#include <gmock/gmock.h>

#include <limits>

namespace chorus::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(FormatSeconds, TakesTheUnitThatFits) {
  EXPECT_EQ(FormatSeconds(0), "0");
  EXPECT_EQ(FormatSeconds(0.0000123), "12.3 us");
  EXPECT_EQ(FormatSeconds(0.00099949), "999 us");
  EXPECT_EQ(FormatSeconds(0.00099951), "1 ms");
  EXPECT_EQ(FormatSeconds(0.25), "250 ms");
  EXPECT_EQ(FormatSeconds(2.345), "2.35 s");
  EXPECT_EQ(FormatSeconds(3600), "3600 s");
}

TEST(ToSvg, DrawsItsLines) {
  const std::string svg = ToSvg({.title = "a<b",
                                 .lines = {{.name = "x", .points = {{0, 0}, {10, 100}}},
                                           {.name = "y", .points = {{5, 50}}, .has_dots = true}}});
  EXPECT_THAT(svg, HasSubstr("a&lt;b"));
  EXPECT_THAT(svg, HasSubstr("M76.0 314.0L704.0 62.0"));  // From corner to corner.
  EXPECT_THAT(svg, HasSubstr("<circle cx=\"390.0\" cy=\"188.0\""));
}

TEST(ToSvg, QuantilesAreAsFarApart) {
  const std::string svg = ToSvg(
      {.x_axis = Plot::Axis::kQuantile, .lines = {{.points = {{0, 1}, {0.9, 1}, {0.99, 1}}}}});
  EXPECT_THAT(svg, HasSubstr("M76.0 62.0L390.0 62.0L704.0 62.0"));
  EXPECT_THAT(svg, HasSubstr(">p99<"));
}

TEST(ToSvg, LeavesOutWhatAnAxisCannotShow) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string svg = ToSvg(
      {.y_axis = Plot::Axis::kLog, .lines = {{.points = {{0, 0}, {1, 1}, {2, nan}, {3, 10}}}}});
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

TEST(ToSvg, OfNothingIsAnEmptyPlot) {
  for (const Plot::Axis axis : {Plot::Axis::kLinear, Plot::Axis::kLog, Plot::Axis::kQuantile}) {
    const std::string svg = ToSvg({.x_axis = axis, .y_axis = axis, .lines = {{.name = "x"}}});
    EXPECT_THAT(svg, Not(HasSubstr("nan")));
    EXPECT_THAT(svg, HasSubstr("</svg>"));
  }
}

}  // namespace
}  // namespace chorus::bench
