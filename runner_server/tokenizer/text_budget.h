#pragma once

// What a tokenizer's parts may spend on one text. They come with a model, and a few lines of its
// files can ask for gigabytes, or hours, for a word.
//
// Thread safety: none; one for each text.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace chorus::runner {

class TextBudget {
 public:
  // What may become of a text, in bytes. No known tokenizer comes near it: the most that one
  // character grows is U+FDFA, 3 bytes, which compatibility forms write in 33 and the alphabet of
  // bytes then in 66.
  static constexpr size_t MostOf(size_t num_bytes) {
    return kBytesForEach * num_bytes + kMoreBytes;
  }

  explicit TextBudget(size_t num_bytes)
      : num_bytes_(num_bytes), room_(MostOf(num_bytes) - num_bytes) {}

  // Of the text itself.
  size_t num_bytes() const { return num_bytes_; }

  // How many bytes what has become of the text, or of its parts, may still grow.
  size_t room() const { return room_; }

  // A part of the text has `size` bytes now. It has had `most` at most, which is paid for, as what
  // is more will be: that it shrinks again gives nothing back. INVALID_ARGUMENT if there is no
  // room.
  absl::Status Charge(size_t size, size_t& most) {
    if (size <= most) return absl::OkStatus();
    if (size - most > room_) return TooMuch();
    room_ -= size - most;
    most = size;
    return absl::OkStatus();
  }

  absl::Status TooMuch() const {
    return absl::InvalidArgumentError(
        absl::StrCat("makes more than ", MostOf(num_bytes_), " bytes of ", num_bytes_, ": ",
                     kBytesForEach, " for each and ", kMoreBytes, " more are allowed"));
  }

  // Takes steps of a regular expression's searches; false if there are not as many left.
  bool TakeBacktracks(uint64_t count) {
    if (count > backtracks_) return false;
    backtracks_ -= count;
    return true;
  }

 private:
  static constexpr size_t kBytesForEach = 32;
  static constexpr size_t kMoreBytes = 4096;

  const size_t num_bytes_;
  size_t room_;
  uint64_t backtracks_ = uint64_t{1} << 26;
};

}  // namespace chorus::runner
