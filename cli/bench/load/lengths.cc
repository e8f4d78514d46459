#include "cli/bench/load/lengths.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/quote.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus::bench {
namespace {

constexpr double kMost = 1 << 20;
constexpr int64_t kMaxFileBytes = 64 << 20;

absl::Status Mistake(const std::string& text) {
  return absl::InvalidArgumentError(
      absl::StrCat("lengths must be 128, uniform:16..256, normal:128,32, lognormal:128,0.5 or "
                   "file:PATH, of 1 to 1048576 tokens: ",
                   text));
}

bool IsLength(double value) { return value >= 1 && value <= kMost; }

// Two numbers with `between` between them.
bool ParseTwo(std::string_view text, std::string_view between, double& a, double& b) {
  const size_t at = text.find(between);
  return at != std::string_view::npos && absl::SimpleAtod(std::string(text.substr(0, at)), &a) &&
         absl::SimpleAtod(std::string(text.substr(at + between.size())), &b);
}

}  // namespace

absl::StatusOr<Lengths> Lengths::Parse(const std::string& text) {
  Lengths lengths;
  const size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (colon == std::string::npos) {
    uint32_t length = 0;
    if (!absl::SimpleAtoi(text, &length) || !IsLength(length)) return Mistake(text);
    lengths.a_ = lengths.b_ = length;
  } else if (kind == "uniform") {
    if (!ParseTwo(rest, "..", lengths.a_, lengths.b_) || !IsLength(lengths.a_) ||
        !IsLength(lengths.b_) || lengths.b_ < lengths.a_ || lengths.a_ != std::floor(lengths.a_) ||
        lengths.b_ != std::floor(lengths.b_)) {
      return Mistake(text);
    }
  } else if (kind == "normal" || kind == "lognormal") {
    lengths.kind_ = kind == "normal" ? Kind::kNormal : Kind::kLognormal;
    if (!ParseTwo(rest, ",", lengths.a_, lengths.b_) || !IsLength(lengths.a_) ||
        !(lengths.b_ >= 0 && lengths.b_ <= kMost)) {
      return Mistake(text);
    }
  } else if (kind == "file") {
    ASSIGN_OR_RETURN(const std::string bytes, ReadFileOrPipe(rest, kMaxFileBytes));
    return ParseFile(bytes, rest);
  } else {
    return Mistake(text);
  }
  return lengths;
}

absl::StatusOr<Lengths> Lengths::ParseFile(std::string_view bytes, const std::string& path) {
  Lengths lengths;
  lengths.kind_ = Kind::kFile;
  int line_number = 0;
  for (absl::string_view line : absl::StrSplit(AbslView(bytes), '\n')) {
    ++line_number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    uint32_t length = 0;
    if (!absl::SimpleAtoi(line, &length) || !IsLength(length)) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ":", line_number,
          ": must be a number of tokens, 1 to 1048576: ", QuoteForMessage(StdView(line))));
    }
    lengths.lengths_.push_back(length);
  }
  if (lengths.lengths_.empty()) return absl::InvalidArgumentError(path + " has no lengths");
  return lengths;
}

uint32_t Lengths::Draw(Random& random) const {
  double length = a_;
  switch (kind_) {
    case Kind::kUniform:
      length = std::floor(a_ + random.Uniform() * (b_ - a_ + 1));
      break;
    case Kind::kNormal:
      length = std::round(a_ + b_ * random.Normal());
      break;
    case Kind::kLognormal:
      length = std::round(a_ * std::exp(b_ * random.Normal()));
      break;
    case Kind::kFile:
      return lengths_[random.Bits() % lengths_.size()];
  }
  return static_cast<uint32_t>(std::clamp(length, 1.0, kMost));
}

}  // namespace chorus::bench
