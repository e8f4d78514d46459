#include "model_store/tag.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/names.h"
#include "base/string_view.h"

namespace chorus::store {
namespace {

absl::Status BadPart(const char* part, std::string_view value, std::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the ", part, " of a tag must match ", kFileNameRule, ": \"", absl::CEscape(AbslView(value)),
      "\" in \"", absl::CEscape(AbslView(text)), "\""));
}

}  // namespace

absl::StatusOr<Tag> ParseTag(std::string_view text) {
  const size_t colon = text.find(':');
  Tag tag{std::string(text.substr(0, colon)), std::string(kLatestVersion)};
  if (colon != std::string_view::npos) tag.version = text.substr(colon + 1);
  if (absl::Status status = ValidateTag(tag); !status.ok()) return status;
  return tag;
}

absl::Status ValidateTag(const Tag& tag) {
  const std::string text = tag.ToString();
  if (!IsFileName(tag.name)) return BadPart("name", tag.name, text);
  if (!IsFileName(tag.version)) return BadPart("version", tag.version, text);
  return absl::OkStatus();
}

}  // namespace chorus::store
