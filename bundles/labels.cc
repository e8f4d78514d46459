#include "bundles/labels.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/names.h"

namespace chorus {
namespace {

constexpr size_t kMaxKeyBytes = 63;
constexpr size_t kMaxValueBytes = 1024;

bool IsKey(const std::string& text) {
  return !text.empty() && text.size() <= kMaxKeyBytes && absl::ascii_isalnum(text[0]) &&
         HasNameCharacters(text, "/");
}

bool IsValue(const std::string& text) {
  return text.size() <= kMaxValueBytes &&
         std::ranges::none_of(text, [](char c) { return absl::ascii_iscntrl(c); });
}

}  // namespace

absl::Status CheckLabels(const google::protobuf::Map<std::string, std::string>& labels,
                         const YamlPlaces& places) {
  // Sorted, so that the first error is always the same.
  for (const auto& [key, value] :
       std::map<std::string, std::string>(labels.begin(), labels.end())) {
    if (!IsKey(key)) {
      return places.Error("labels." + key,
                          absl::StrCat("the key must match [A-Za-z0-9][A-Za-z0-9._/-]{0,62}: \"",
                                       absl::CEscape(key), "\""));
    }
    if (!IsValue(value)) {
      return places.Error("labels." + key,
                          "must have at most 1024 bytes and no control characters");
    }
  }
  return absl::OkStatus();
}

}  // namespace chorus
