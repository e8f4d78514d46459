#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/bench/load/random.h"
#include "cli/bench/report/histogram.h"
#include "cli/bench/report/report.h"

namespace chorus::bench {
namespace {

constexpr int kNumResamples = 1000;
constexpr size_t kLeastSlices = 5;  // Fewer say nothing of how much a run varies.
constexpr double kMost = 1e12;      // Calls or seconds of a slice: sums and ratios stay finite.

struct Slice {
  double seconds = 0, ok = 0, good = 0, tokens = 0;
  Histogram e2e, ttft, itl;
};

struct Metric {
  const char* name;
  const char* unit;
  double (*of)(const Slice& whole);
};

constexpr Metric kMetrics[] = {
    {"ok", "1/s", [](const Slice& all) { return all.ok / all.seconds; }},
    {"goodput", "1/s", [](const Slice& all) { return all.good / all.seconds; }},
    {"tokens", "1/s", [](const Slice& all) { return all.tokens / all.seconds; }},
    {"end to end mean", "s", [](const Slice& all) { return all.e2e.mean(); }},
    {"end to end p50", "s", [](const Slice& all) { return all.e2e.Quantile(0.5); }},
    {"end to end p90", "s", [](const Slice& all) { return all.e2e.Quantile(0.9); }},
    {"end to end p99", "s", [](const Slice& all) { return all.e2e.Quantile(0.99); }},
    {"first token p50", "s", [](const Slice& all) { return all.ttft.Quantile(0.5); }},
    {"first token p99", "s", [](const Slice& all) { return all.ttft.Quantile(0.99); }},
    {"between tokens p50", "s", [](const Slice& all) { return all.itl.Quantile(0.5); }},
    {"between tokens p99", "s", [](const Slice& all) { return all.itl.Quantile(0.99); }},
};

double Amount(const Report& json, const char* pointer) {
  return std::clamp(Number(json, pointer), 0.0, kMost);
}

std::vector<Slice> SlicesOf(const Report& run) {
  std::vector<Slice> slices;
  if (!run.contains("slices")) return slices;
  for (const Report& json : run["slices"]) {
    const double seconds = Amount(json, "/seconds");
    if (seconds < 1 / kMost) continue;
    Slice slice{seconds, Amount(json, "/ok"), Amount(json, "/good"), Amount(json, "/tokens")};
    const auto read = [&](const char* key, Histogram& histogram) {
      if (json.contains(key)) histogram = Histogram::FromBuckets(json[key]);
    };
    read("e2e", slice.e2e);
    read("ttft", slice.ttft);
    read("itl", slice.itl);
    slices.push_back(std::move(slice));
  }
  return slices;
}

// Each slice as often as `times` says.
Slice Merge(const std::vector<Slice>& slices, const std::vector<int>& times) {
  Slice all;
  for (size_t i = 0; i < slices.size(); ++i) {
    all.seconds += times[i] * slices[i].seconds;
    all.ok += times[i] * slices[i].ok;
    all.good += times[i] * slices[i].good;
    all.tokens += times[i] * slices[i].tokens;
    all.e2e.Add(slices[i].e2e, static_cast<uint64_t>(times[i]));
    all.ttft.Add(slices[i].ttft, static_cast<uint64_t>(times[i]));
    all.itl.Add(slices[i].itl, static_cast<uint64_t>(times[i]));
  }
  return all;
}

Slice Resample(const std::vector<Slice>& slices, Random& random) {
  std::vector<int> times(slices.size());
  for (size_t i = 0; i < slices.size(); ++i) ++times[random.Bits() % slices.size()];
  return Merge(slices, times);
}

// What was not the same about the two: "load/rate: 100 and 200".
Report Differences(const Report& a, const Report& b) {
  Report differences = Report::array();
  for (const char* part : {"target", "load", "slo", "client"}) {
    const Report flat_a = a.value(part, Report()).flatten();
    const Report flat_b = b.value(part, Report()).flatten();
    Report keys = flat_a;
    for (const auto& [key, value] : flat_b.items()) keys[key] = value;
    for (const auto& [key, _] : keys.items()) {
      const Report left = flat_a.value(key, Report()), right = flat_b.value(key, Report());
      if (left == right) continue;
      differences.push_back(absl::StrCat(part, key, ": ", left.dump(), " and ", right.dump()));
    }
  }
  return differences;
}

}  // namespace

Report Compare(const Report& a, const Report& b) {
  const std::vector<Slice> slices_a = SlicesOf(a), slices_b = SlicesOf(b);
  const Slice whole_a = Merge(slices_a, std::vector<int>(slices_a.size(), 1));
  const Slice whole_b = Merge(slices_b, std::vector<int>(slices_b.size(), 1));
  std::vector<std::vector<double>> ratios(std::size(kMetrics));
  const bool has_intervals = slices_a.size() >= kLeastSlices && slices_b.size() >= kLeastSlices;
  Random random(0, 0);
  for (int i = 0; has_intervals && i < kNumResamples; ++i) {
    const Slice again_a = Resample(slices_a, random), again_b = Resample(slices_b, random);
    for (size_t m = 0; m < std::size(kMetrics); ++m) {
      const double denominator = kMetrics[m].of(again_a);
      if (denominator > 0) ratios[m].push_back(kMetrics[m].of(again_b) / denominator);
    }
  }
  Report metrics = Report::array();
  for (size_t m = 0; m < std::size(kMetrics); ++m) {
    const double value_a = kMetrics[m].of(whole_a), value_b = kMetrics[m].of(whole_b);
    if (!(value_a > 0) || !(value_b > 0)) continue;
    Report metric{{"name", kMetrics[m].name},
                  {"unit", kMetrics[m].unit},
                  {"a", value_a},
                  {"b", value_b},
                  {"ratio", value_b / value_a}};
    if (ratios[m].size() == kNumResamples) {
      std::sort(ratios[m].begin(), ratios[m].end());
      metric["low"] = ratios[m][kNumResamples / 40];
      metric["high"] = ratios[m][kNumResamples - 1 - kNumResamples / 40];
    }
    metrics.push_back(std::move(metric));
  }
  return {{"schema", kCompareSchema},
          {"differences", Differences(a, b)},
          {"metrics", std::move(metrics)},
          {"a", a},
          {"b", b}};
}

}  // namespace chorus::bench
