#include "base/json_reader.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/quote.h"
#include "base/string_view.h"

namespace chorus {
namespace {

constexpr int kNumberOverflow = 406;  // Of nlohmann's exceptions.

// What the parser reads from. It tells how far it is.
struct Cursor {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  reference operator*() const { return **at; }
  Cursor& operator++() {
    ++*at;
    return *this;
  }
  bool operator==(const Cursor& other) const { return *at == *other.at; }

  const char** at;
};

}  // namespace

absl::Status JsonReader::Read(std::string_view text) {
  text_ = text;
  next_ = text.data();
  error_ = absl::OkStatus();
  keys_.clear();
  // The parser takes it for the end of the text.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    Fail(nul, "a NUL is not allowed");
    return error_;
  }
  const char* end = text.data() + text.size();
  nlohmann::json::sax_parse(Cursor{&next_}, Cursor{&end}, this);
  return error_;
}

bool JsonReader::key(std::string& key) {
  if (rules_.equal_keys || keys_.back().insert(key).second) return true;
  return Fail(next_ - text_.data() - 1,
              absl::StrCat("the name ", QuoteForMessage(key), " is there twice"));
}

bool JsonReader::parse_error(size_t position, const std::string& last_token,
                             const nlohmann::detail::exception& exception) {
  // Who knows what the number is for may say so instead; here it ends in any case.
  if (exception.id == kNumberOverflow &&
      !number_float(std::numeric_limits<double>::infinity(), last_token))
    return false;
  // "[json.exception.parse_error.101] parse error at line 1, column 2: what is wrong; last read:
  // 'x'", or "[json.exception.out_of_range.406] number overflow parsing '1e999'".
  std::string_view what = exception.what();
  what = what.substr(0, std::min(what.find("; last read: '"), what.find(" parsing '")));
  const bool has_place = what.find("parse error at ") != std::string_view::npos;
  what.remove_prefix(what.find(has_place ? ": " : "] ") + 2);
  return Fail(position - 1, what);  // It counts what has been read.
}

bool JsonReader::Fail(size_t at, std::string_view what) {
  const std::string_view before = text_.substr(0, std::min(at, text_.size()));
  const size_t line_begin = before.rfind('\n') + 1;  // 0 when there is none.
  const auto starts_character = [](char c) { return (c & 0xC0) != 0x80; };
  error_ = absl::InvalidArgumentError(
      absl::StrCat("line ", 1 + std::count(before.begin(), before.end(), '\n'), ", column ",
                   1 + std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_begin),
                                     before.end(), starts_character),
                   ": ", AbslView(what)));
  return false;
}

bool JsonReader::Open() {
  keys_.emplace_back();
  if (keys_.size() <= static_cast<size_t>(rules_.max_depth)) return true;
  return Fail(next_ - text_.data() - 1,
              absl::StrCat("nested deeper than ", rules_.max_depth, " levels"));
}

bool JsonReader::Close() {
  keys_.pop_back();
  return true;
}

}  // namespace chorus
