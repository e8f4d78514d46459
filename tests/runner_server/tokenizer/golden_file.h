#pragma once

// Reads the golden files that tools/golden/make_tokenizer_golden.py and make_span_golden.py write
// and describe. A file that ends early or goes on is a failure of the test.

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

inline constexpr char kTokenizerData[] = "tests/testdata/tokenizer/";

class GoldenFile {
 public:
  explicit GoldenFile(const std::string& name) : name_(name) {
    std::ifstream file(kTokenizerData + name, std::ios::binary);
    EXPECT_TRUE(file) << "no " << kTokenizerData << name;
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
  }

  ~GoldenFile() { EXPECT_EQ(at_, bytes_.size()) << name_ << " has not been read to its end"; }

  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<uint8_t>(Bytes(1)[0]);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
  }

  uint64_t Fixed64() {
    const std::string bytes = Bytes(8);
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
    return value;
  }

  std::string Text() { return Bytes(Varint()); }

  std::vector<int32_t> Ids() {
    std::vector<int32_t> ids(Varint());
    for (int32_t& id : ids) id = static_cast<int32_t>(Varint());
    return ids;
  }

  std::vector<TokenSpan> Spans() {
    std::vector<TokenSpan> spans(Varint());
    for (TokenSpan& span : spans) {
      span.id = static_cast<int32_t>(Varint());
      span.begin = Varint();
      span.end = Varint();
    }
    return spans;
  }

 private:
  std::string Bytes(size_t count) {
    if (count > bytes_.size() - at_) {
      ADD_FAILURE() << name_ << " ends early";
      std::abort();
    }
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }

  const std::string name_;
  std::string bytes_;
  size_t at_ = 0;
};

inline std::vector<std::string> GoldenStrings(const std::string& name = "strings.bin") {
  GoldenFile file(name);
  std::vector<std::string> strings(file.Varint());
  for (std::string& string : strings) string = file.Text();
  return strings;
}

// The spans as Hugging Face's tokenizers tell them, in whole characters: of a character that has
// been cut apart each part has all, and a space that the text was given has the first of the text,
// unless spans are trimmed.
inline std::vector<TokenSpan> InWholeCharacters(std::vector<TokenSpan> spans, std::string_view text,
                                                bool trimmed = false) {
  const auto is_inside = [&](size_t at) {
    return at < text.size() && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80;
  };
  for (TokenSpan& span : spans) {
    if (span.end == span.begin && !trimmed) ++span.end;
    while (is_inside(span.begin)) --span.begin;
    while (is_inside(span.end)) ++span.end;
  }
  return spans;
}

inline std::vector<int32_t> EncodeAtMost(const Tokenizer& tokenizer, std::string_view text,
                                         size_t max_tokens) {
  std::vector<int32_t> ids = tokenizer.Encode(text, /*split_special_tokens=*/false).value();
  tokenizer.Truncate(ids, max_tokens);
  return ids;
}

// For the messages of tests that compare them.
inline void PrintTo(const TokenSpan& span, std::ostream* out) {
  *out << span.id << " [" << span.begin << ", " << span.end << ")";
}

}  // namespace chorus::runner
