#pragma once

// A vocabulary small enough to read: id 0 begins and ends texts and has none, ids 1 to 26 are the
// letters a to z, 27 a space
// and whatever else there is, 28 to 31 the four bytes of U+1F642, one each.

#include <climits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "runner_server/tokenizer/detokenizer.h"
#include "runner_server/tokenizer/frame.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

class FakeTokenizer : public Tokenizer, public TokenBytes {
 public:
  static constexpr int32_t kEnd = 0;
  static constexpr int32_t kSpace = 27;
  static constexpr int32_t kSmile = 28;  // And the three ids after it.
  static constexpr int32_t kVocabSize = 32;
  static constexpr char kRefusal[] = "the fake refuses it";

  // "?" is its special token, which ends texts; split it is read as a space is. A text with "#" is
  // refused.
  absl::StatusOr<std::vector<int32_t>> Encode(std::string_view text,
                                              bool split_special_tokens) const override {
    std::vector<int32_t> ids;
    if (text.find('#') != std::string_view::npos) return absl::InvalidArgumentError(kRefusal);
    for (const char c : text) {
      const size_t id = kBytes.find(c);
      const bool is_character =
          id != std::string_view::npos && (id != kEnd || !split_special_tokens);
      ids.push_back(is_character ? static_cast<int32_t>(id) : kSpace);
    }
    return ids;
  }

  // Of types 0 and 1, without a frame.
  absl::StatusOr<Encoding> EncodeInput(std::string_view text,
                                       std::optional<std::string_view> second,
                                       bool split_special_tokens,
                                       size_t max_tokens) const override {
    std::optional<std::vector<int32_t>> second_ids;
    if (second) {
      ASSIGN_OR_RETURN(second_ids, Encode(*second, split_special_tokens));
    }
    ASSIGN_OR_RETURN(std::vector<int32_t> ids, Encode(text, split_special_tokens));
    return Frame().Apply(std::move(ids), std::move(second_ids), max_tokens);
  }

  void Truncate(std::vector<int32_t>& ids, size_t max_tokens) const override {
    if (ids.size() > max_tokens) ids.resize(max_tokens);
  }

  // A token a byte.
  absl::StatusOr<std::vector<TokenSpan>> EncodeWithSpans(std::string_view text,
                                                         bool split_special_tokens) const override {
    std::vector<TokenSpan> spans;
    ASSIGN_OR_RETURN(const std::vector<int32_t> ids, Encode(text, split_special_tokens));
    for (const int32_t id : ids) {
      spans.push_back({id, spans.size(), spans.size() + 1});
    }
    return spans;
  }

  absl::StatusOr<std::string> Decode(std::span<const int32_t> ids) const override {
    std::string bytes;
    for (const int32_t id : ids) bytes += kBytes[id];
    return ReplaceInvalidUtf8(bytes);
  }

  int32_t vocab_size() const override { return kVocabSize; }
  int model_max_length() const override { return INT_MAX; }
  const TokenBytes* bytes() const override { return this; }

  std::string_view token_bytes(int32_t id) const override {
    return id == kEnd ? std::string_view() : kBytes.substr(id, 1);
  }

 private:
  static constexpr std::string_view kBytes = "?abcdefghijklmnopqrstuvwxyz \xF0\x9F\x99\x82";
};

}  // namespace chorus::runner
