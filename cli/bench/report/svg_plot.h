#pragma once

// Line plots as SVG, for a page or a file of its own; light or dark as the reader likes.
//
// Thread safety: free functions without state.

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chorus::bench {

struct Plot {
  enum class Axis {
    kLinear,  // From 0.
    kLog,
    kQuantile,  // Of x in [0, 1): 0.9, 0.99 and 0.999 are as far from each other.
  };
  struct Line {
    std::string name;
    std::vector<std::pair<double, double>> points;  // By x.
    bool is_dashed = false;
    bool has_dots = false;
  };

  std::string title, x_label, y_label;
  Axis x_axis = Axis::kLinear, y_axis = Axis::kLinear;
  bool y_is_time = false;  // Seconds, written as ms, us or s.
  std::vector<Line> lines;
  std::optional<double> mark;  // A vertical line there,
  std::string mark_label;      // with these words.
};

// One <svg> element. Points that an axis cannot show are left out.
std::string ToSvg(const Plot& plot);

// "12.3 ms", "850 us", "2.41 s".
std::string FormatSeconds(double seconds);

// `text` as HTML and SVG take it.
std::string EscapeMarkup(const std::string& text);

}  // namespace chorus::bench
