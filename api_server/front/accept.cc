#include "api_server/front/accept.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/string_view.h"

namespace chorus {
namespace {

// How closely `range` names `type`: 3 itself, 2 "application/*", 1 "*/*", 0 not at all.
int Specificity(absl::string_view range, absl::string_view type) {
  if (absl::EqualsIgnoreCase(range, type)) return 3;
  if (range == "*/*") return 1;
  if (!absl::ConsumeSuffix(&range, "/*")) return 0;
  return absl::EqualsIgnoreCase(range, type.substr(0, type.find('/'))) ? 2 : 0;
}

// Whether the parameters of a range have a q of 0; one that is no number counts as 1.
bool Excludes(const std::vector<absl::string_view>& parts) {
  for (size_t i = 1; i < parts.size(); ++i) {
    absl::string_view part = absl::StripAsciiWhitespace(parts[i]);
    double quality = 1;
    if (absl::ConsumePrefix(&part, "q=") || absl::ConsumePrefix(&part, "Q=")) {
      return absl::SimpleAtod(part, &quality) && quality <= 0;
    }
  }
  return false;
}

}  // namespace

bool Accepts(std::string_view accept, std::string_view type) {
  if (absl::StripAsciiWhitespace(AbslView(accept)).empty()) return true;
  int best = 0;
  bool accepted = false;
  for (absl::string_view item : absl::StrSplit(AbslView(accept), ',')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(item, ';');
    const int specificity = Specificity(absl::StripAsciiWhitespace(parts[0]), AbslView(type));
    if (specificity <= best) continue;
    best = specificity;
    accepted = !Excludes(parts);
  }
  return accepted;
}

}  // namespace chorus
