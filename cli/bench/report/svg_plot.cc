#include "cli/bench/report/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace chorus::bench {
namespace {

using Axis = Plot::Axis;

constexpr double kWidth = 720, kHeight = 360;
constexpr double kLeft = 76, kRight = 16, kTop = 62, kBottom = 46;
constexpr double kLeastQuantileGap = 1e-5;
constexpr char kStyle[] =
    "<style>.plot{font:12px system-ui,sans-serif;fill:#333;background:#fff}"
    ".plot .grid{stroke:#ddd}.plot .mark{stroke:#888;stroke-dasharray:2 3}"
    ".plot path{fill:none;stroke-width:2}.plot .title{font-weight:600;font-size:14px}"
    "@media(prefers-color-scheme:dark){.plot{fill:#ccc;background:#16181d}"
    ".plot .grid{stroke:#383c44}}</style>";
constexpr const char* kColours[] = {"#4353c6", "#d08a1e", "#3e93a8",
                                    "#b04a6f", "#7a9e3b", "#8a8a94"};

// A value as its place on a straight line; not finite where it has none.
double Straight(Axis axis, double value) {
  switch (axis) {
    case Axis::kLinear:
      return value;
    case Axis::kLog:
      return value > 0 ? std::log10(value) : std::numeric_limits<double>::quiet_NaN();
    case Axis::kQuantile:
      return -std::log10(std::max(1 - value, kLeastQuantileGap));
  }
  return value;
}

std::string FormatNumber(double value) { return absl::StrFormat("%.6g", value); }

// The next of 1, 2, 5, 10, ... above a fifth of the range.
double LinearStep(double range) {
  const double power = std::pow(10, std::floor(std::log10(std::max(range, 1e-12) / 5)));
  for (const double factor : {1, 2, 5}) {
    if (power * factor * 5 >= range) return power * factor;
  }
  return power * 10;
}

struct Scale {
  Axis axis;
  double low, high;  // Straight.
  double pixel_low, pixel_high;

  double Pixel(double value) const {
    return pixel_low + (Straight(axis, value) - low) / (high - low) * (pixel_high - pixel_low);
  }

  std::vector<double> Ticks() const {
    std::vector<double> ticks;
    if (axis == Axis::kLinear) {
      const double step = LinearStep(high - low);
      for (int i = 0; low + i * step <= high + step / 1e6; ++i) ticks.push_back(low + i * step);
    } else if (axis == Axis::kQuantile) {
      for (const double q : {0.0, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
        if (Straight(axis, q) <= high + 1e-9) ticks.push_back(q);
      }
    } else {
      const bool is_dense = high - low < 2.5;
      for (int power = static_cast<int>(std::floor(low)); power <= std::ceil(high); ++power) {
        for (const double factor : {1, 2, 5}) {
          const double value = std::pow(10, power) * factor;
          const double place = std::log10(value);
          const bool is_within = place >= low - 1e-9 && place <= high + 1e-9;
          if (is_within && (is_dense || factor == 1)) ticks.push_back(value);
        }
      }
    }
    return ticks;
  }
};

template <typename Get>
Scale MakeScale(const Plot& plot, Axis axis, double pixel_low, double pixel_high, Get get) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const Plot::Line& line : plot.lines) {
    for (const auto& point : line.points) {
      const double value = Straight(axis, get(point));
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  if (low > high) low = high = 0;
  if (axis != Axis::kLog) low = 0;
  if (axis == Axis::kLog) low -= 0.05, high += 0.05;
  if (high - low < 1e-12) high = low + 1;
  if (axis == Axis::kLinear) {
    const double step = LinearStep(high - low);
    high = std::ceil(high / step - 1e-9) * step;
  }
  return {axis, low, high, pixel_low, pixel_high};
}

std::string TickLabel(Axis axis, bool is_time, double value) {
  if (axis == Axis::kQuantile) return absl::StrCat("p", FormatNumber(value * 100));
  return is_time ? FormatSeconds(value) : FormatNumber(value);
}

void AppendAxes(const Plot& plot, const Scale& x, const Scale& y, std::string& svg) {
  for (const double value : y.Ticks()) {
    const double at = y.Pixel(value);
    absl::StrAppendFormat(&svg,
                          "<line class=\"grid\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/>",
                          kLeft, kWidth - kRight, at, at);
    absl::StrAppendFormat(&svg, "<text x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%s</text>",
                          kLeft - 6, at + 4, TickLabel(y.axis, plot.y_is_time, value));
  }
  for (const double value : x.Ticks()) {
    const double at = x.Pixel(value);
    absl::StrAppendFormat(&svg,
                          "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%g\" y2=\"%g\"/>", at,
                          at, kTop, kHeight - kBottom);
    absl::StrAppendFormat(&svg, "<text x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%s</text>", at,
                          kHeight - kBottom + 17, TickLabel(x.axis, false, value));
  }
  absl::StrAppendFormat(&svg, "<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">%s</text>",
                        (kLeft + kWidth - kRight) / 2, kHeight - 8, EscapeMarkup(plot.x_label));
  absl::StrAppendFormat(&svg, "<text x=\"4\" y=\"%g\">%s</text>", kTop - 8,
                        EscapeMarkup(plot.y_label));
}

void AppendLine(const Plot::Line& line, const char* colour, const Scale& x, const Scale& y,
                std::string& svg) {
  std::string path, dots;
  for (const auto& [at, value] : line.points) {
    const double px = x.Pixel(at), py = y.Pixel(value);
    if (!std::isfinite(px) || !std::isfinite(py)) continue;
    absl::StrAppendFormat(&path, "%s%.1f %.1f", path.empty() ? "M" : "L", px, py);
    if (!line.has_dots) continue;
    absl::StrAppendFormat(&dots, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>", px, py,
                          colour);
  }
  if (path.empty()) return;
  absl::StrAppendFormat(&svg, "<path d=\"%s\" stroke=\"%s\"%s/>%s", path, colour,
                        line.is_dashed ? " stroke-dasharray=\"6 4\"" : "", dots);
}

}  // namespace

std::string EscapeMarkup(const std::string& text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string FormatSeconds(double seconds) {
  const double magnitude = std::abs(seconds);
  if (magnitude == 0) return "0";
  if (magnitude < 0.9995e-3) return absl::StrFormat("%.3g us", seconds * 1e6);
  if (magnitude < 0.9995) return absl::StrFormat("%.3g ms", seconds * 1e3);
  return magnitude < 999.5 ? absl::StrFormat("%.3g s", seconds)
                           : absl::StrFormat("%.0f s", seconds);
}

std::string ToSvg(const Plot& plot) {
  const Scale x = MakeScale(plot, plot.x_axis, kLeft, kWidth - kRight,
                            [](const auto& point) { return point.first; });
  const Scale y = MakeScale(plot, plot.y_axis, kHeight - kBottom, kTop,
                            [](const auto& point) { return point.second; });
  std::string svg = absl::StrFormat(
      "<svg class=\"plot\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" role=\"img\">"
      "%s<title>%s</title><text class=\"title\" x=\"4\" y=\"16\">%s</text>",
      kWidth, kHeight, kStyle, EscapeMarkup(plot.title), EscapeMarkup(plot.title));
  AppendAxes(plot, x, y, svg);
  double legend = kLeft;
  for (size_t i = 0; i < plot.lines.size(); ++i) {
    const Plot::Line& line = plot.lines[i];
    const char* const colour = kColours[i % std::size(kColours)];
    AppendLine(line, colour, x, y, svg);
    absl::StrAppendFormat(
        &svg, "<path d=\"M%g 32h18\" stroke=\"%s\"%s/><text x=\"%g\" y=\"36\">%s</text>", legend,
        colour, line.is_dashed ? " stroke-dasharray=\"6 4\"" : "", legend + 23,
        EscapeMarkup(line.name));
    legend += 40 + 6.6 * static_cast<double>(line.name.size());
  }
  if (plot.mark && std::isfinite(x.Pixel(*plot.mark))) {
    const double at = x.Pixel(*plot.mark);
    absl::StrAppendFormat(&svg,
                          "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%g\" y2=\"%g\"/>"
                          "<text x=\"%.1f\" y=\"%g\">%s</text>",
                          at, at, kTop, kHeight - kBottom, at + 4, kTop + 12,
                          EscapeMarkup(plot.mark_label));
  }
  return svg + "</svg>\n";
}

}  // namespace chorus::bench
