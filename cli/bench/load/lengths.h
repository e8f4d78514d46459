#pragma once

// How long texts are, in tokens: a distribution.
//
// Thread safety: const methods may be called from any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/bench/load/random.h"

namespace chorus::bench {

class Lengths {
 public:
  // "128"; "uniform:16..256", both included; "normal:128,32", mean and standard deviation;
  // "lognormal:128,0.5", median and the logarithm's standard deviation; "file:PATH", a length a
  // line, of which each is as likely as the others. INVALID_ARGUMENT quotes what is wrong.
  static absl::StatusOr<Lengths> Parse(const std::string& text);

  // Those of a file's bytes. INVALID_ARGUMENT begins with `path`, and has the line.
  static absl::StatusOr<Lengths> ParseFile(std::string_view bytes, const std::string& path);

  // At least 1, at most 1,048,576.
  uint32_t Draw(Random& random) const;

 private:
  enum class Kind { kUniform, kNormal, kLognormal, kFile };

  Kind kind_ = Kind::kUniform;
  double a_ = 0, b_ = 0;  // Bounds; mean and deviation; median and deviation.
  std::vector<uint32_t> lengths_;
};

}  // namespace chorus::bench
