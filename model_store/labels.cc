#include "model_store/labels.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/names.h"
#include "base/near_name.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus::store {
namespace {

constexpr size_t kMaxKeyBytes = 63;
constexpr size_t kMaxValueBytes = 1024;

}  // namespace

absl::Status CheckLabelKey(std::string_view key) {
  if (!key.empty() && key.size() <= kMaxKeyBytes && absl::ascii_isalnum(key[0]) &&
      HasNameCharacters(key, "/")) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the key must match [A-Za-z0-9][A-Za-z0-9._/-]{0,62}: \"",
                   absl::CEscape(AbslView(key)), "\""));
}

absl::Status CheckLabel(std::string_view key, std::string_view value) {
  RETURN_IF_ERROR(CheckLabelKey(key));
  if (value.size() <= kMaxValueBytes && IsPrintable(value)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the value of ", AbslView(key),
                   " must be UTF-8 of at most 1024 bytes without control characters"));
}

absl::Status ChangeLabel(std::string_view change, std::map<std::string, std::string>& labels) {
  const size_t equals = change.find('=');
  if (equals != std::string_view::npos) {
    const std::string_view key = change.substr(0, equals);
    const std::string_view value = change.substr(equals + 1);
    RETURN_IF_ERROR(CheckLabel(key, value));
    labels[std::string(key)] = value;
    return absl::OkStatus();
  }
  if (!change.ends_with('-')) {
    return absl::InvalidArgumentError(
        absl::StrCat("a label is set by KEY=VALUE and removed by KEY-: ", AbslView(change)));
  }
  const std::string key(change.substr(0, change.size() - 1));
  RETURN_IF_ERROR(CheckLabelKey(key));
  if (labels.erase(key) > 0) return absl::OkStatus();
  std::vector<std::string> keys;
  for (const auto& [name, value] : labels) keys.push_back(name);
  const std::string near = NearName(key, keys);
  return absl::NotFoundError(absl::StrCat(
      "there is no label ", key, "; ",
      keys.empty() ? "there is none at all" : "there are: " + absl::StrJoin(keys, ", "),
      near.empty() ? "" : "; did you mean " + near + "?"));
}

}  // namespace chorus::store
