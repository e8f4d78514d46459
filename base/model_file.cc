#include "base/model_file.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

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

// Several times the largest tokenizer.json there is, which has about ten levels.
constexpr int64_t kMaxFileBytes = 64 << 20;
constexpr int kMaxDepth = 64;
constexpr size_t kMaxShownBytes = 80;

void NormalizeLineEnds(std::string& text) {
  size_t out = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    text[out++] = text[i] == '\r' ? '\n' : text[i];
  }
  text.resize(out);
}

// A number that JSON has no word for.
struct NotFinite {
  size_t at = 0;            // Byte of the text.
  size_t string_index = 0;  // Which of the text's strings, keys included, stands in its place.
  double value = 0;
};

// Puts a string of the same size in the place of each such number, so that what follows keeps its
// line and column.
std::vector<NotFinite> TakeNotFinite(std::string& text) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
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
      for (++i; i < text.size() && text[i] != '"';) i += text[i] == '\\' ? 2 : 1;
      ++i;  // Past its end.
    } else {
      ++i;
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

absl::StatusOr<std::string> ReadModelText(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(std::string text, ReadFile(path, kMaxFileBytes));
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
