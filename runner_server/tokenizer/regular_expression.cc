#include "runner_server/tokenizer/regular_expression.h"

#include <oniguruma.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/string_view.h"
#include "base/utf8.h"
#include "runner_server/tokenizer/regex_dialect.h"

namespace chorus::runner {
namespace {

constexpr size_t kMaxPatternBytes = 16384;
constexpr size_t kMaxReadBytes = 1 << 20;  // With the ranges that its classes are given.
constexpr uint64_t kMaxRepeats = 1'000'000;

// A search is tried with few backtracks first, which nearly always do, and is charged with what it
// was allowed. 16 M take about a tenth of a second.
constexpr std::array<unsigned long, 5> kBacktracks = {256, 4096, 65536, 1 << 20, 1 << 24};

// What the searches of a text, or of a part of one, may be charged with before its budget is.
uint64_t Allowance(size_t num_bytes) { return 1024 * (uint64_t{num_bytes} + 1); }

// Entries of a search's stack, some 50 bytes each. A text that has grown much gets no more for it.
size_t MaxStack(size_t num_bytes, size_t num_original_bytes) {
  return std::min<size_t>(65536 + std::min(2 * num_bytes, 8 * num_original_bytes), 1u << 30);
}

const OnigUChar* Bytes(std::string_view text) {
  return reinterpret_cast<const OnigUChar*>(text.data());
}

std::string ErrorText(int code, OnigErrorInfo* info) {
  std::array<OnigUChar, ONIG_MAX_ERROR_MESSAGE_LEN> text;
  const int size = onig_error_code_to_str(text.data(), code, info);
  return {text.begin(), text.begin() + size};
}

// The product of the counts of "{3}" and "{1,3}": what nested ones repeat a part at most.
uint64_t Repeats(std::string_view pattern) {
  uint64_t product = 1;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '{') continue;
    uint64_t most = 0;
    uint64_t number = 0;
    for (size_t j = i + 1; j < pattern.size(); ++j) {
      const char c = pattern[j];
      if (c >= '0' && c <= '9') {
        number = std::min(number * 10 + (c - '0'), kMaxRepeats);
        most = std::max(most, number);
      } else if (c == ',') {
        number = 0;
      } else {
        if (c == '}') product = std::min(product * std::max<uint64_t>(most, 1), kMaxRepeats);
        break;
      }
    }
  }
  return product;
}

class MatchParam {
 public:
  explicit MatchParam(size_t max_stack) : param_(onig_new_match_param()) {
    onig_initialize_match_param(param_);
    onig_set_match_stack_limit_size_of_match_param(param_, static_cast<unsigned int>(max_stack));
  }
  ~MatchParam() { onig_free_match_param(param_); }
  MatchParam(const MatchParam&) = delete;
  MatchParam& operator=(const MatchParam&) = delete;

  OnigMatchParam* Allow(unsigned long backtracks) {
    onig_set_retry_limit_in_match_of_match_param(param_, backtracks);
    onig_set_retry_limit_in_search_of_match_param(param_, backtracks);
    return param_;
  }

 private:
  OnigMatchParam* const param_;
};

class Region {
 public:
  Region() : region_(onig_region_new()) {}
  ~Region() { onig_region_free(region_, /*free_self=*/1); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  OnigRegion* get() const { return region_; }
  size_t begin() const { return region_->beg[0]; }
  size_t end() const { return region_->end[0]; }

 private:
  OnigRegion* const region_;
};

bool IsLimit(int result) {
  return result == ONIGERR_RETRY_LIMIT_IN_MATCH_OVER ||
         result == ONIGERR_RETRY_LIMIT_IN_SEARCH_OVER;
}

}  // namespace

void RegularExpression::Free::operator()(re_pattern_buffer* regex) const { onig_free(regex); }

absl::StatusOr<RegularExpression> RegularExpression::Compile(std::string_view pattern) {
  static const int initialized = [] {
    OnigEncoding encoding = ONIG_ENCODING_UTF8;
    onig_set_parse_depth_limit(250);
    return onig_initialize(&encoding, 1);
  }();
  if (initialized != ONIG_NORMAL) return absl::InternalError("Oniguruma does not start");
  if (pattern.size() > kMaxPatternBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the regular expression has more than ", kMaxPatternBytes, " bytes"));
  }
  const auto error = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the regular expression \"%s\" is not one that Chorus takes: %s", AbslView(pattern), what));
  };
  if (!IsValidUtf8(pattern))
    return absl::InvalidArgumentError("the regular expression is no UTF-8");
  if (Repeats(pattern) >= kMaxRepeats) return error("it repeats its parts too often");
  regex_t* regex = nullptr;
  OnigErrorInfo info;
  const std::string read = AsTokenizersRead(pattern);
  if (read.size() > kMaxReadBytes) return error("it has too many classes");
  const int result = onig_new(&regex, Bytes(read), Bytes(read) + read.size(), ONIG_OPTION_NONE,
                              ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &info);
  if (result != ONIG_NORMAL) return error(ErrorText(result, &info));
  return RegularExpression(regex);
}

void RegularExpression::FindAll(std::string_view text, TextBudget& budget, Visitor visit) const {
  if (text.empty()) return;
  MatchParam param(MaxStack(text.size(), budget.num_bytes()));
  const Region region;
  const OnigUChar* const begin = Bytes(text);
  const OnigUChar* const end = begin + text.size();
  uint64_t allowance = Allowance(text.size());
  const auto charge = [&](uint64_t backtracks) {
    if (backtracks > allowance) return budget.TakeBacktracks(backtracks);
    allowance -= backtracks;
    return true;
  };
  size_t at = 0;
  size_t last_end = SIZE_MAX;
  while (at <= text.size()) {
    int result = ONIG_MISMATCH;
    for (const unsigned long backtracks : kBacktracks) {
      if (!charge(backtracks)) return;
      result = onig_search_with_param(regex_.get(), begin, end, begin + at, end, region.get(),
                                      ONIG_OPTION_NONE, param.Allow(backtracks));
      if (!IsLimit(result)) break;
    }
    if (result < 0) return;  // No match, or a limit.
    if (region.end() == region.begin() && region.end() == last_end) {
      if (at == text.size()) return;
      at += DecodeUtf8(text.substr(at)).num_bytes;
      continue;
    }
    at = last_end = region.end();
    visit(region.begin(), region.end());
  }
}

}  // namespace chorus::runner
