// How near the linear layers come to the machine's roofs: one Markdown table a precision, a row for
// each number of rows M, a column for each shape. Weights come from memory, never from a cache, and
// putting the input into the weights' precision counts.
//
//   kernels --threads 2 --shapes 768x3072,3072x768

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "benchmarks/machine_roof.h"
#include "runner_server/kernels/kernel_table.h"
#include "runner_server/kernels/linear.h"
#include "runner_server/model/dtype.h"

namespace chorus::runner {
namespace {

using Clock = std::chrono::steady_clock;

struct Shape {
  int in, out;
};

// Far more than the caches hold.
constexpr size_t kWeightBytes = size_t{300} << 20;

std::vector<Linear> MakeLayers(Precision precision, Shape shape, ThreadPool& pool) {
  const size_t bytes = WeightBytes(precision) * shape.in * shape.out;
  std::vector<Linear> layers(kWeightBytes / bytes + 1);
  for (Linear& layer : layers) {
    layer.weight = PackedMatrix::FromRows(
                       precision, shape.out, shape.in,
                       [](size_t first, size_t count, float* out) {
                         for (size_t i = 0; i < count; ++i) {
                           out[i] =
                               static_cast<float>((first + i) * 2654435761u % 1024) / 1024 - 0.5f;
                         }
                       },
                       pool)
                       .value();
    layer.bias.assign(shape.out, 0.1f);
  }
  return layers;
}

// The median of several passes over all layers, seconds a layer.
double Measure(LinearContext& context, const std::vector<Linear>& layers, Shape shape, int m,
               int runs) {
  std::vector<float> x(static_cast<size_t>(m) * shape.in), y(static_cast<size_t>(m) * shape.out);
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (float& value : x) value = normal(random);
  std::vector<double> seconds;
  const size_t count = std::clamp<size_t>(4096 / m, 2, layers.size());
  for (int run = 0; run <= runs; ++run) {
    const auto start = Clock::now();
    for (size_t i = 0; i < count; ++i) context.Apply(layers[i], x.data(), m, y.data());
    const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    if (run > 0) seconds.push_back(elapsed / static_cast<double>(count));
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

void PrintTable(Precision precision, const std::vector<Shape>& shapes, const std::vector<int>& ms,
                int runs, double bandwidth, LinearContext& context) {
  const double peak = PeakOperations(precision, context.pool());
  std::printf("\n%s: %.0f GFLOP/s at most\n\n| M |", std::string(DtypeName(precision)).c_str(),
              peak / 1e9);
  for (const Shape& shape : shapes) std::printf(" %d -> %d |", shape.in, shape.out);
  std::printf("\n|---|");
  for (size_t i = 0; i < shapes.size(); ++i) std::printf("---|");
  std::printf("\n");
  std::vector<std::vector<double>> seconds;
  for (const Shape& shape : shapes) {
    const std::vector<Linear> layers = MakeLayers(precision, shape, context.pool());
    seconds.emplace_back();
    for (const int m : ms) seconds.back().push_back(Measure(context, layers, shape, m, runs));
  }
  for (size_t row = 0; row < ms.size(); ++row) {
    std::printf("| %d |", ms[row]);
    for (size_t i = 0; i < shapes.size(); ++i) {
      const double weights = static_cast<double>(shapes[i].in) * shapes[i].out;
      const double bytes_rate =
          weights * static_cast<double>(WeightBytes(precision)) / seconds[i][row];
      const double rate = 2 * weights * ms[row] / seconds[i][row];
      std::printf(" %.0f us, %.1f GB/s (%.0f %%), %.0f GFLOP/s (%.0f %%) |", seconds[i][row] * 1e6,
                  bytes_rate / 1e9, 100 * bytes_rate / bandwidth, rate / 1e9, 100 * rate / peak);
    }
    std::printf("\n");
    std::fflush(stdout);
  }
}

int Main(int argc, char** argv) {
  int threads = 2, runs = 5;
  std::vector<std::string> shape_names = {"768x3072", "3072x768"}, dtypes;
  std::vector<int> ms = {1, 2, 4, 6, 8, 12, 16, 24, 32, 64, 128, 512};
  CLI::App app("Linear layers against the machine's roofs.");
  app.add_option("--threads", threads)->check(CLI::Range(1, 1024));
  app.add_option("--runs", runs, "Of which the median counts");
  app.add_option("--shapes", shape_names, "INxOUT, ...")->delimiter(',');
  app.add_option("--m", ms, "Rows, ...")->delimiter(',');
  app.add_option("--dtypes", dtypes, "Default: all")->delimiter(',');
  CLI11_PARSE(app, argc, argv);
  if (dtypes.empty()) {
    for (const Precision precision : kPrecisions) dtypes.emplace_back(DtypeName(precision));
  }
  std::vector<Shape> shapes;
  for (const std::string& name : shape_names) {
    Shape shape{};
    if (std::sscanf(name.c_str(), "%dx%d", &shape.in, &shape.out) != 2) {
      std::fprintf(stderr, "--shapes takes INxOUT: %s\n", name.c_str());
      return 2;
    }
    shapes.push_back(shape);
  }
  LinearContext context(threads);
  const double bandwidth = ReadBandwidth(context.pool());
  std::printf("kernels %s, %d threads, %.1f GB/s read from memory at most\n", Kernels().name,
              threads, bandwidth / 1e9);
  for (const std::string& name : dtypes) {
    const absl::StatusOr<Precision> precision = ParseDtype(name);
    if (!precision.ok()) {
      std::fprintf(stderr, "%s\n", precision.status().ToString().c_str());
      return 2;
    }
    PrintTable(*precision, shapes, ms, runs, bandwidth, context);
  }
  return 0;
}

}  // namespace
}  // namespace chorus::runner

int main(int argc, char** argv) { return chorus::runner::Main(argc, argv); }
