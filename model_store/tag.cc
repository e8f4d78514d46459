#include "model_store/tag.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus::store {
namespace {

constexpr size_t kMaxPartLength = 64;

absl::Status BadPart(const char* part, std::string_view value, std::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the ", part, " of a tag must match [A-Za-z0-9][A-Za-z0-9._-]{0,63}: \"",
      absl::CEscape(AbslView(value)), "\" in \"", absl::CEscape(AbslView(text)), "\""));
}

}  // namespace

bool IsValidTagPart(std::string_view text) {
  if (text.empty() || text.size() > kMaxPartLength || !absl::ascii_isalnum(text[0])) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  });
}

absl::StatusOr<Tag> ParseTag(std::string_view text) {
  const size_t colon = text.find(':');
  Tag tag{std::string(text.substr(0, colon)), std::string(kLatestVersion)};
  if (colon != std::string_view::npos) tag.version = text.substr(colon + 1);
  if (absl::Status status = ValidateTag(tag); !status.ok()) return status;
  return tag;
}

absl::Status ValidateTag(const Tag& tag) {
  const std::string text = tag.ToString();
  if (!IsValidTagPart(tag.name)) return BadPart("name", tag.name, text);
  if (!IsValidTagPart(tag.version)) return BadPart("version", tag.version, text);
  return absl::OkStatus();
}

}  // namespace chorus::store
