#pragma once

// The special tokens that a model reads around a text or a pair of texts, the types of all tokens,
// and how what is too long is cut. Source: post-processors and truncation of Hugging Face's
// tokenizers.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

class Frame {
 public:
  struct Item {
    enum class Kind { kToken, kFirstText, kSecondText };
    Kind kind = Kind::kToken;
    int32_t id = -1;  // Of a kToken.
    int32_t type_id = 0;
    bool operator==(const Item&) const = default;
  };

  // No special tokens; a pair is its texts, of types 0 and 1, one after the other.
  Frame();

  // `single` holds at least one kFirstText and no kSecondText, `pair` at least one of each.
  Frame(std::vector<Item> single, std::vector<Item> pair)
      : single_(std::move(single)), pair_(std::move(pair)) {}

  // Frames one text or, with `second`, a pair. If there would be more than `max_tokens` tokens, the
  // longer text loses its end, then both, as equally as can be; the frame stays. It alone may have
  // more than `max_tokens`. A text that the frame has twice loses twice as much.
  //
  // Example: texts of 9 and 3 tokens, BERT's frame, which has 3: at most 13 leave 7 and 3, at most
  // 8 leave 3 and 2.
  Encoding Apply(std::vector<int32_t> first, std::optional<std::vector<int32_t>> second,
                 size_t max_tokens) const;

  const std::vector<Item>& single() const { return single_; }
  const std::vector<Item>& pair() const { return pair_; }

  // Texts that are too long lose their beginning instead of their end.
  void set_truncates_left(bool truncates_left) { truncates_left_ = truncates_left; }

  bool operator==(const Frame&) const = default;

 private:
  static size_t Count(Item::Kind kind, const std::vector<Item>& items);

  std::vector<Item> single_;
  std::vector<Item> pair_;
  bool truncates_left_ = false;
};

}  // namespace chorus::runner
