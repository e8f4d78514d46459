#pragma once

// Server-sent events (WHATWG HTML, section 9.2) from bytes that are cut anywhere.
//
// Thread safety: none.

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace chorus::bench {

class SseParser {
 public:
  using OnEvent = absl::FunctionRef<void(std::string_view event, std::string_view data)>;

  // Calls `on_event` for each event that ends in `bytes`; `event` is empty where it has no name.
  void Append(std::string_view bytes, OnEvent on_event);

  void Reset();

 private:
  void OnLine(std::string_view line, OnEvent on_event);

  std::string line_;           // The beginning of one that has not ended.
  bool skip_newline_ = false;  // A CR has ended a line: an LF after it ends no other.
  std::string event_, data_;
  bool has_data_ = false;
};

}  // namespace chorus::bench
