#include "base/model_file.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/json_reader.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "base/utf8.h"

namespace chorus {
namespace {

using nlohmann::json;

// Several times the largest tokenizer.json there is.
constexpr int64_t kMaxFileBytes = 64 << 20;
constexpr int kMaxDepth = 900;  // Python gives up between 900 and 1000.
constexpr size_t kMaxShownBytes = 80;

void NormalizeLineEnds(std::string& text) {
  size_t out = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    text[out++] = text[i] == '\r' ? '\n' : text[i];
  }
  text.resize(out);
}

// A number that JSON has no word for, or the parser no room.
struct NotFinite {
  size_t at = 0;            // Byte of the text.
  size_t string_index = 0;  // Which of the text's strings, keys included, stands in its place.
  double value = 0;
};

// The size of the number that `text` begins with, by the grammar of JSON; 0 if there is none.
size_t NumberSize(std::string_view text) {
  size_t at = text.starts_with('-') ? 1 : 0;
  const auto skip_digits = [&] {
    const size_t begin = at;
    while (at < text.size() && absl::ascii_isdigit(text[at])) ++at;
    return at > begin;
  };
  const bool leads_with_zero = text.substr(at).starts_with('0');
  const size_t first = at;
  if (!skip_digits() || (leads_with_zero && at > first + 1)) return 0;
  if (text.substr(at).starts_with('.')) {
    ++at;
    if (!skip_digits()) return 0;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!skip_digits()) return 0;
  }
  return at;
}

// What four hexadecimal digits stand for; -1 if they are not that.
int HexUnit(std::string_view digits) {
  int value = 0;
  if (digits.size() < 4) return -1;
  for (const char c : digits.substr(0, 4)) {
    if (!absl::ascii_isxdigit(c)) return -1;
    value = value * 16 + (absl::ascii_isdigit(c) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10);
  }
  return value;
}

bool IsHighHalf(int unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool IsLowHalf(int unit) { return unit >= 0xDC00 && unit < 0xE000; }

// Makes U+FFFD of the escape at `at` if it is half a surrogate pair without the other. Returns
// where what follows it begins.
size_t MendEscape(std::string& text, size_t at) {
  const std::string_view rest = std::string_view(text).substr(at);
  const int unit = rest.starts_with("\\u") ? HexUnit(rest.substr(2)) : -1;
  if (unit < 0) return at + 2;
  const std::string_view next = rest.substr(6);
  if (IsHighHalf(unit) && next.starts_with("\\u") && IsLowHalf(HexUnit(next.substr(2)))) {
    return at + 12;
  }
  if (IsHighHalf(unit) || IsLowHalf(unit)) text.replace(at + 2, 4, "fffd");
  return at + 6;
}

// Writes in place what Python's JSON has and the parser does not take: a string of the same size
// for each number that is not finite, so that what follows keeps its line and column, and whole
// characters for halves.
std::vector<NotFinite> TakeNotFinite(std::string& text) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr size_t kMaxFiniteDigits = 300;  // Without an exponent.
  std::vector<NotFinite> taken;
  size_t num_strings = 0;
  const auto take = [&](size_t begin, size_t size, double value) {
    text[begin] = text[begin + size - 1] = '"';
    taken.push_back({begin, num_strings++, value});
    return begin + size;
  };
  for (size_t i = 0; i < text.size();) {
    const std::string_view rest = std::string_view(text).substr(i);
    if (rest.starts_with("NaN")) {
      i = take(i, 3, std::numeric_limits<double>::quiet_NaN());
    } else if (rest.starts_with("Infinity")) {
      i = take(i, 8, kInfinity);
    } else if (rest.starts_with("-Infinity")) {
      i = take(i, 9, -kInfinity);
    } else if (text[i] == '"') {
      ++num_strings;
      for (++i; i < text.size() && text[i] != '"';) {
        i = text[i] == '\\' ? MendEscape(text, i) : i + 1;
      }
      ++i;  // Past its end.
    } else if (const size_t size = NumberSize(rest); size > 0) {
      const std::string number(rest.substr(0, size));
      const bool may_be_large =
          size > kMaxFiniteDigits || number.find_first_of("eE") != std::string::npos;
      const double value = may_be_large ? std::strtod(number.c_str(), nullptr) : 0;
      i = std::isfinite(value) ? i + size : take(i, size, value);
    } else {
      // Digits that are no number are none from the second on either.
      const size_t end = std::min(rest.size(), rest.find_first_not_of("0123456789+-.eE"));
      i += std::max<size_t>(end, 1);
    }
  }
  taken.push_back({.string_index = SIZE_MAX});  // None that any string comes to.
  return taken;
}

// Makes the value event by event, with `not_finite` in the place of strings.
class ValueMaker : public JsonReader {
 public:
  explicit ValueMaker(const std::vector<NotFinite>& not_finite)
      : JsonReader({.max_depth = kMaxDepth, .equal_keys = true}), next_(not_finite.begin()) {}

  json TakeValue() { return std::move(root_); }

  bool null() override { return Take(nullptr); }
  bool boolean(bool value) override { return Take(value); }
  bool number_integer(int64_t value) override { return Take(value); }
  bool number_unsigned(uint64_t value) override { return Take(value); }
  bool number_float(double value, const std::string&) override { return Take(value); }
  bool string(std::string& value) override {
    if (next_->string_index != num_strings_++) return Take(std::move(value));
    return Take((next_++)->value);
  }
  bool key(std::string& value) override {
    if (next_->string_index == num_strings_++) return Fail(next_->at, "a key must be a string");
    key_ = std::move(value);
    return true;
  }
  bool start_object(size_t size) override {
    return JsonReader::start_object(size) && Open(json::object());
  }
  bool start_array(size_t size) override {
    return JsonReader::start_array(size) && Open(json::array());
  }
  bool end_object() override { return JsonReader::end_object() && Close(); }
  bool end_array() override { return JsonReader::end_array() && Close(); }

 private:
  bool Take(json value) {
    Add(std::move(value));
    return true;
  }
  json* Add(json value) {
    if (open_.empty()) return &(root_ = std::move(value));
    json& parent = *open_.back();
    if (parent.is_object()) return &(parent[key_] = std::move(value));
    parent.push_back(std::move(value));
    return &parent.back();
  }
  bool Open(json value) {
    open_.push_back(Add(std::move(value)));
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  std::vector<NotFinite>::const_iterator next_;
  size_t num_strings_ = 0;  // Keys included.
  json root_;
  std::vector<json*> open_;  // What is being made, from the root down.
  std::string key_;          // Of the next value of an object.
};

}  // namespace

absl::Status CheckIsNoStandIn(const std::filesystem::path& path, std::string_view beginning) {
  if (beginning.starts_with("version https://git-lfs.github.com/spec/")) {
    return absl::InvalidArgumentError(
        absl::StrCat(path.string(),
                     ": is a pointer of Git LFS, not the file that it stands for: the folder was "
                     "cloned without git-lfs. Install that, and run in the folder: git lfs pull"));
  }
  const absl::string_view page = absl::StripLeadingAsciiWhitespace(AbslView(beginning));
  if (absl::StartsWithIgnoreCase(page, "<!doctype html") ||
      absl::StartsWithIgnoreCase(page, "<html")) {
    return absl::InvalidArgumentError(absl::StrCat(
        path.string(), ": is a web page, such as a server's error, not the file; fetch it again"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadModelText(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(std::string text, ReadFile(path, kMaxFileBytes));
  RETURN_IF_ERROR(CheckIsNoStandIn(path, text));
  NormalizeLineEnds(text);
  if (const size_t bad = FindInvalidUtf8(text); bad != std::string_view::npos) {
    const int64_t line =
        1 + std::count(text.begin(), text.begin() + static_cast<int64_t>(bad), '\n');
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: line %d is not UTF-8", path.string(), line));
  }
  return text;
}

absl::StatusOr<json> ReadModelJson(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFileBytes));
  RETURN_IF_ERROR(CheckIsNoStandIn(path, text));
  absl::StatusOr<json> value = ParseModelJson(text);
  if (!value.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": ", value.status().message()));
  }
  if (!value->is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path.string(), ": must hold a JSON object, not ", value->type_name()));
  }
  return value;
}

absl::StatusOr<json> ParseModelJson(std::string_view text) {
  std::string bytes(text);
  const std::vector<NotFinite> not_finite = TakeNotFinite(bytes);
  ValueMaker maker(not_finite);
  RETURN_IF_ERROR(maker.Read(bytes));
  return maker.TakeValue();
}

std::string ShownJson(const json& value) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    const auto number = value.get<double>();
    return std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
  }
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true);
  if (text.size() > kMaxShownBytes) text = text.substr(0, kMaxShownBytes) + "...";
  return text;
}

}  // namespace chorus
