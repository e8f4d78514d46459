#pragma once

// Names a model of a Hugging Face hub: a repository and a revision.
//
// Thread safety: values and free functions.

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace chorus::store {

struct HubSource {
  std::string repository;         // "openai-community/gpt2"; a few old ones have no organisation.
  std::string revision = "main";  // A branch, a tag, "refs/pr/2", or a commit.

  // "openai-community/gpt2@main".
  std::string ToString() const { return repository + "@" + revision; }
  bool operator==(const HubSource&) const = default;
};

// "ORG/NAME" or "ORG/NAME@REVISION". INVALID_ARGUMENT says what is wrong. An accepted source is
// safe in a path and, apart from slashes in the revision, in a URL.
absl::StatusOr<HubSource> ParseHubSource(std::string_view text);

// The source of a model of the tutorial's graph, by its name in the store, such as
// "gpt2-generation"; none for other names.
std::optional<HubSource> DefaultHubSource(std::string_view model_name);

// Whether `text` is a whole commit: 40 lower-case hexadecimal digits.
bool IsCommit(std::string_view text);

}  // namespace chorus::store
