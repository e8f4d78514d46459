#pragma once

// The name of one model in the store: "name:version", or "name" alone for its latest version.
//
// Each part IsFileName. "latest" is no version of its own; it stands for the one last saved.
//
// Thread safety: a value.

#include <compare>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus::store {

inline constexpr std::string_view kLatestVersion = "latest";

struct Tag {
  std::string name;
  std::string version;  // Never empty; kLatestVersion until the store has resolved it.

  // "gpt2-generation:demo".
  std::string ToString() const { return name + ":" + version; }
  bool is_latest() const { return version == kLatestVersion; }
  auto operator<=>(const Tag&) const = default;
};

// INVALID_ARGUMENT quotes the part that does not match.
//
// Example: "gpt2" -> {gpt2, latest}; "gpt2:v1" -> {gpt2, v1}; "gpt2:" and "a:b:c" are errors.
absl::StatusOr<Tag> ParseTag(std::string_view text);

// INVALID_ARGUMENT unless both parts match; for tags that did not come from ParseTag.
absl::Status ValidateTag(const Tag& tag);

}  // namespace chorus::store
