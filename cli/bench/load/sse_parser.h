#pragma once

// Server-sent events (WHATWG HTML, section 9.2) from bytes that are cut anywhere.
//
// Thread safety: none.

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace chorus::bench {

class SseParser {
 public:
  static constexpr size_t kMaxBytes = 16 << 20;

  using OnEvent = absl::FunctionRef<void(std::string_view event, std::string_view data)>;

  // Calls `on_event` for each event that ends in `bytes`; `event` is empty where it has no name.
  // Lines and data are cut at kMaxBytes, so that an endless event takes no more memory.
  void Append(std::string_view bytes, OnEvent on_event);

  void Reset();

 private:
  static void AppendTo(std::string& text, std::string_view bytes);
  void OnLine(std::string_view line, OnEvent on_event);

  std::string line_;           // The beginning of one that has not ended.
  bool skip_newline_ = false;  // A CR has ended a line: an LF after it ends no other.
  std::string event_, data_;
  bool has_data_ = false;
};

}  // namespace chorus::bench
