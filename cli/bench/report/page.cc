#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/bench/report/histogram.h"
#include "cli/bench/report/report.h"
#include "cli/bench/report/svg_plot.h"

namespace chorus::bench {
namespace {

constexpr char kHead[] = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<style>
:root{color-scheme:light dark}
body{font:15px system-ui,sans-serif;max-width:760px;margin:2em auto;padding:0 1em}
pre{overflow-x:auto;font:12px ui-monospace,monospace;line-height:1.5}
h1{font-size:1.3em}svg{width:100%;margin:.5em 0}
</style>
)";

// Of all slices of a run.
Histogram Whole(const Report& run, const char* what) {
  Histogram whole;
  if (!run.contains("slices")) return whole;
  for (const Report& slice : run["slices"]) {
    if (slice.contains(what)) whole.Add(Histogram::FromBuckets(slice[what]));
  }
  return whole;
}

Plot::Line QuantileLine(const std::string& name, const Histogram& histogram) {
  Plot::Line line{.name = name};
  if (histogram.count() == 0) return line;
  for (int i = 0; i <= 80; ++i) {
    const double gap = std::pow(10, -i / 20.0);  // 1 to 0.0001.
    if (gap * static_cast<double>(histogram.count()) < 1) break;
    line.points.emplace_back(1 - gap, histogram.Quantile(1 - gap));
  }
  return line;
}

Plot Quantiles(std::vector<Plot::Line> lines) {
  std::erase_if(lines, [](const Plot::Line& line) { return line.points.empty(); });
  return {.title = "Latency by percentile",
          .x_label = "percentile",
          .x_axis = Plot::Axis::kQuantile,
          .y_axis = Plot::Axis::kLog,
          .y_is_time = true,
          .lines = std::move(lines)};
}

std::vector<Plot> RunPlots(const Report& run) {
  std::vector<Plot> plots = {Quantiles({QuantileLine("end to end", Whole(run, "e2e")),
                                        QuantileLine("first token", Whole(run, "ttft")),
                                        QuantileLine("between tokens", Whole(run, "itl"))})};
  Plot latency{
      .title = "Latency over time, by when calls were due",
      .x_label = "seconds",
      .y_axis = Plot::Axis::kLog,
      .y_is_time = true,
      .lines = {
          {.name = "end to end p50"}, {.name = "end to end p99"}, {.name = "first token p99"}}};
  Plot calls{.title = "Calls over time, by when they were due",
             .x_label = "seconds",
             .y_label = "calls a second",
             .lines = {{.name = "sent"}, {.name = "ok"}, {.name = "good", .is_dashed = true}}};
  for (const Report& slice : run["slices"]) {
    const double seconds = Number(slice, "/seconds");
    const double at = Number(slice, "/at") + seconds / 2;
    const Histogram end_to_end = Histogram::FromBuckets(slice["e2e"]);
    const Histogram ttft = Histogram::FromBuckets(slice["ttft"]);
    latency.lines[0].points.emplace_back(at, end_to_end.Quantile(0.5));
    latency.lines[1].points.emplace_back(at, end_to_end.Quantile(0.99));
    latency.lines[2].points.emplace_back(at, ttft.Quantile(0.99));
    calls.lines[0].points.emplace_back(at, Number(slice, "/calls") / seconds);
    calls.lines[1].points.emplace_back(at, Number(slice, "/ok") / seconds);
    calls.lines[2].points.emplace_back(at, Number(slice, "/good") / seconds);
  }
  if (Number(run, "/latency/ttft/count") == 0) latency.lines.pop_back();
  plots.push_back(std::move(latency));
  plots.push_back(std::move(calls));
  return plots;
}

std::vector<Plot> SweepPlots(const Report& sweep) {
  Plot goodput{.title = "Goodput by offered load",
               .x_label = "calls offered a second",
               .y_label = "calls a second",
               .x_axis = Plot::Axis::kLog,
               .lines = {{.name = "goodput", .has_dots = true},
                         {.name = "refused", .is_dashed = true, .has_dots = true},
                         {.name = "late or failed", .is_dashed = true, .has_dots = true}}};
  Plot latency{.title = "Latency by offered load",
               .x_label = "calls offered a second",
               .x_axis = Plot::Axis::kLog,
               .y_axis = Plot::Axis::kLog,
               .y_is_time = true};
  const std::pair<const char*, const char*> times[] = {{"end to end p50", "e2e/p50"},
                                                       {"end to end p99", "e2e/p99"},
                                                       {"first token p99", "ttft/p99"},
                                                       {"between tokens p99", "itl/p99"},
                                                       {"refusals p99", "refusal/p99"}};
  for (const auto& [name, _] : times) {
    latency.lines.push_back({.name = name, .has_dots = true});
  }
  for (const Report& point : sweep["points"]) {
    const double rate = Number(point, "/rate");
    const double seconds = std::max(1e-9, Number(point, "/seconds"));
    const double good = Number(point, "/per_second/good");
    const double refused = Number(point, "/calls/refused") / seconds;
    goodput.lines[0].points.emplace_back(rate, good);
    goodput.lines[1].points.emplace_back(rate, refused);
    goodput.lines[2].points.emplace_back(
        rate, std::max(0.0, Number(point, "/per_second/sent") - good - refused));
    for (size_t i = 0; i < std::size(times); ++i) {
      const double seconds_of = Number(point, absl::StrCat("/latency/", times[i].second));
      if (seconds_of > 0) latency.lines[i].points.emplace_back(rate, seconds_of);
    }
  }
  std::erase_if(latency.lines, [](const Plot::Line& line) { return line.points.empty(); });
  if (const double knee = Number(sweep, "/knee"); knee > 0) {
    goodput.mark = latency.mark = knee;
    goodput.mark_label = latency.mark_label = "knee";
  }
  return {std::move(goodput), std::move(latency)};
}

std::vector<Plot> PlotsOf(const Report& report) {
  const std::string schema = Text(report, "/schema");
  if (schema == kSweepSchema) return SweepPlots(report);
  if (schema == kRunSchema) return RunPlots(report);
  Plot plot = Quantiles({QuantileLine("A: end to end", Whole(report["a"], "e2e")),
                         QuantileLine("B: end to end", Whole(report["b"], "e2e")),
                         QuantileLine("A: first token", Whole(report["a"], "ttft")),
                         QuantileLine("B: first token", Whole(report["b"], "ttft"))});
  return {std::move(plot)};
}

}  // namespace

std::string ToPage(const Report& report) {
  const std::string title =
      Text(report, "/schema") == kCompareSchema ? "Two runs" : Headline(report);
  std::string page = absl::StrCat(kHead, "<title>", EscapeMarkup(title),
                                  "</title></head>\n<body><h1>", EscapeMarkup(title), "</h1>\n");
  for (const Plot& plot : PlotsOf(report)) page += ToSvg(plot);
  absl::StrAppend(&page, "<pre>", EscapeMarkup(ToTable(report)), "</pre>\n");
  if (report.contains("started")) {
    absl::StrAppend(&page, "<p>", EscapeMarkup(Text(report, "/started")), ", bench on ",
                    EscapeMarkup(Text(report, "/client/cpu")), ", ",
                    static_cast<int>(Number(report, "/client/cores")), " cores; chorus ",
                    EscapeMarkup(Text(report, "/client/version")), ".</p>\n");
  }
  return page + "</body></html>\n";
}

std::string ToSvgFile(const Report& report) { return ToSvg(PlotsOf(report).front()); }

}  // namespace chorus::bench
