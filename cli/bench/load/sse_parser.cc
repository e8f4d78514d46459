#include "cli/bench/load/sse_parser.h"

#include <utility>

namespace chorus::bench {

void SseParser::Append(std::string_view bytes, OnEvent on_event) {
  while (!bytes.empty()) {
    if (std::exchange(skip_newline_, false) && bytes.front() == '\n') bytes.remove_prefix(1);
    const size_t end = bytes.find_first_of("\r\n");
    AppendTo(line_, bytes.substr(0, end));
    if (end == std::string_view::npos) return;
    skip_newline_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    OnLine(line_, on_event);
    line_.clear();
  }
}

void SseParser::AppendTo(std::string& text, std::string_view bytes) {
  text += bytes.substr(0, kMaxBytes - text.size());
}

void SseParser::OnLine(std::string_view line, OnEvent on_event) {
  if (line.empty()) {
    if (has_data_) on_event(event_, data_);
    event_.clear();
    data_.clear();
    has_data_ = false;
    return;
  }
  const size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);  // Empty of a comment.
  std::string_view value;
  if (colon != std::string_view::npos) value = line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") event_ = value;
  if (field == "data") {
    if (std::exchange(has_data_, true)) AppendTo(data_, "\n");
    AppendTo(data_, value);
  }
}

void SseParser::Reset() { *this = SseParser(); }

}  // namespace chorus::bench
