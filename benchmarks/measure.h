#pragma once

// Times of what a benchmark runs, and the process's memory.
// Thread safety: free functions without state.

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace chorus::runner {

using Clock = std::chrono::steady_clock;

inline double SecondsOf(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The first run does not count.
inline double MedianSeconds(int runs, const std::function<void()>& work) {
  work();
  std::vector<double> seconds;
  for (int run = 0; run < runs; ++run) seconds.push_back(SecondsOf(work));
  return Median(seconds);
}

inline double RssMib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

}  // namespace chorus::runner
