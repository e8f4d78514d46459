#include "cli/serve/gateway_page.h"

#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace chorus {
namespace {

// The value of a sample; 0 if it has none.
double ValueOf(absl::string_view line) {
  double value = 0;
  return absl::SimpleAtod(line.substr(line.rfind(' ') + 1), &value) ? value : 0;
}

}  // namespace

int64_t NumReloads(const std::string& page) {
  double sum = 0;
  for (const absl::string_view line : absl::StrSplit(page, '\n')) {
    if (absl::StartsWith(line, "chorus_config_reloads_total{")) sum += ValueOf(line);
  }
  return static_cast<int64_t>(sum);
}

bool LastReloadSucceeded(const std::string& page) {
  for (const absl::string_view line : absl::StrSplit(page, '\n')) {
    if (absl::StartsWith(line, "chorus_config_last_reload_successful ")) return ValueOf(line) == 1;
  }
  return false;
}

bool WaitsForRunners(const std::string& page) {
  for (const absl::string_view line : absl::StrSplit(page, '\n')) {
    const bool waits = absl::StartsWith(line, "chorus_config_waiting ") ||
                       absl::StartsWith(line, "chorus_endpoints_awaited{");
    if (waits && ValueOf(line) > 0) return true;
  }
  return false;
}

bool HasReplica(const std::string& page, const std::filesystem::path& socket) {
  const std::string endpoint = absl::StrCat("endpoint=\"unix:", socket.native(), "\"");
  for (const absl::string_view line : absl::StrSplit(page, '\n')) {
    if (absl::StartsWith(line, "chorus_replica_state{") && absl::StrContains(line, endpoint)) {
      return true;
    }
  }
  return false;
}

}  // namespace chorus
