#include "model_store/hub/hub_source.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/names.h"
#include "base/string_view.h"

namespace chorus::store {
namespace {

constexpr size_t kMaxPartLength = 96;
constexpr size_t kMaxRevisionLength = 200;

struct DefaultSource {
  std::string_view model_name;
  const char* repository;
  const char* revision;
};
// The tutorial's classifier is bert-base-uncased with an untrained head, which cannot tell good
// from bad. This is the same model after training; its weights are safetensors in that revision
// only.
constexpr DefaultSource kDefaultSources[] = {
    {"gpt2-generation", "openai-community/gpt2", "main"},
    {"distilgpt2-generation", "distilbert/distilgpt2", "main"},
    {"gpt2-medium-generation", "openai-community/gpt2-medium", "main"},
    {"bert-base-uncased-classification", "textattack/bert-base-uncased-SST-2", "refs/pr/2"},
};

// The hub's own rule for each half of a repository's name.
bool IsRepositoryPart(std::string_view part) {
  return !part.empty() && part.size() <= kMaxPartLength && HasNameCharacters(part) &&
         absl::ascii_isalnum(part.front()) && part.back() != '-' && part.back() != '.' &&
         part.find("..") == std::string_view::npos && part.find("--") == std::string_view::npos;
}

bool IsRepository(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return IsRepositoryPart(text);
  return IsRepositoryPart(text.substr(0, slash)) && IsRepositoryPart(text.substr(slash + 1));
}

bool IsRevision(std::string_view text) {
  return !text.empty() && text.size() <= kMaxRevisionLength && HasNameCharacters(text, "/") &&
         text.front() != '/' && text.front() != '.' && text.back() != '/' &&
         text.find("..") == std::string_view::npos && text.find("//") == std::string_view::npos;
}

}  // namespace

absl::StatusOr<HubSource> ParseHubSource(std::string_view text) {
  const size_t at = text.find('@');
  HubSource source{std::string(text.substr(0, at))};
  if (at != std::string_view::npos) source.revision = text.substr(at + 1);
  if (!IsRepository(source.repository)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a model of a hub is written ORG/NAME or ORG/NAME@REVISION: \"",
                     absl::CEscape(AbslView(text)), "\""));
  }
  if (!IsRevision(source.revision)) {
    return absl::InvalidArgumentError(absl::StrCat("not a branch, tag or commit: \"",
                                                   absl::CEscape(source.revision), "\" in \"",
                                                   absl::CEscape(AbslView(text)), "\""));
  }
  return source;
}

std::optional<HubSource> DefaultHubSource(std::string_view model_name) {
  for (const DefaultSource& source : kDefaultSources) {
    if (source.model_name == model_name) return HubSource{source.repository, source.revision};
  }
  return std::nullopt;
}

bool IsCommit(std::string_view text) {
  return text.size() == 40 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace chorus::store
