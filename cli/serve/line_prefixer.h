#pragma once

// Splits a child's output into lines and prefixes each.
//
// An incomplete line is kept up to 16 KiB; a longer one is emitted in parts, so that memory is
// bounded.
//
// Thread safety: none.

#include <string>
#include <string_view>

namespace chorus {

class LinePrefixer {
 public:
  static constexpr size_t kMaxLineBytes = 16 << 10;

  // `prefix` stands before each line as it is, such as "[gpt2] ".
  explicit LinePrefixer(std::string prefix) : prefix_(std::move(prefix)) {}

  // The lines that `bytes` completes, each ending in '\n'. A '\r' before it is dropped,
  // and what would command a terminal (base/printable.h).
  std::string Append(std::string_view bytes);

  // The incomplete last line, if any. Call at the end of the output.
  std::string Finish();

  // The last line that was not blank, without prefix.
  const std::string& last_line() const { return last_line_; }

  // Forgets it, for the output of a new process.
  void ClearLastLine() { last_line_.clear(); }

 private:
  void EmitPending(std::string& out);

  const std::string prefix_;
  std::string pending_;  // A line as far as it came.
  std::string last_line_;
};

}  // namespace chorus
