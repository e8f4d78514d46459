#include "cli/serve/line_prefixer.h"

#include <algorithm>

#include "base/printable.h"

namespace chorus {

std::string LinePrefixer::Append(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const size_t room = kMaxLineBytes - pending_.size();
    const size_t end = bytes.find('\n');
    const size_t taken = std::min({end, room, bytes.size()});
    pending_ += bytes.substr(0, taken);
    bytes.remove_prefix(taken);
    if (taken == end) {
      bytes.remove_prefix(1);
      EmitPending(out);
    } else if (pending_.size() == kMaxLineBytes) {
      EmitPending(out);
    }
  }
  return out;
}

std::string LinePrefixer::Finish() {
  std::string out;
  if (!pending_.empty()) EmitPending(out);
  return out;
}

void LinePrefixer::EmitPending(std::string& out) {
  if (pending_.ends_with('\r')) pending_.pop_back();
  pending_ = PrintableLine(pending_);
  out += prefix_;
  out += pending_;
  out += '\n';
  if (pending_.find_first_not_of(" \t") != std::string::npos) last_line_ = pending_;
  pending_.clear();
}

}  // namespace chorus
