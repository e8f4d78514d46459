#include "base/quote.h"

#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus {

std::string QuoteForMessage(std::string_view text) {
  constexpr size_t kMaxBytes = 64;
  if (text.size() <= kMaxBytes) return absl::StrCat("\"", AbslView(text), "\"");
  size_t end = kMaxBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return absl::StrCat("\"", AbslView(text.substr(0, end)), "...\"");
}

}  // namespace chorus
