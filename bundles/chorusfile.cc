#include "bundles/chorusfile.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/names.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "bundles/labels.h"
#include "model_store/tag.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxChorusfileBytes = 1 << 20;
constexpr size_t kMaxPatternParts = 32;  // Bounds the time that matching takes.

using Parts = std::span<const std::string>;

bool Matches(Parts pattern, Parts path) {
  if (pattern.empty()) return path.empty();
  if (pattern[0] == "**") {
    return Matches(pattern.subspan(1), path) ||
           (!path.empty() && Matches(pattern, path.subspan(1)));
  }
  return !path.empty() && ::fnmatch(pattern[0].c_str(), path[0].c_str(), FNM_PERIOD) == 0 &&
         Matches(pattern.subspan(1), path.subspan(1));
}

std::vector<std::string> Split(std::string_view path) {
  return absl::StrSplit(AbslView(path), '/');
}

absl::Status CheckPattern(const std::string& path, const std::string& pattern,
                          const YamlPlaces& places) {
  const std::vector<std::string> parts = Split(pattern);
  if (std::ranges::any_of(parts, [](const std::string& part) {
        return part.empty() || part == "." || part == "..";
      })) {
    return places.Error(path,
                        absl::StrCat("must be a pattern such as prompts/*.txt of files in the "
                                     "chorusfile's folder: \"",
                                     absl::CEscape(pattern), "\""));
  }
  if (parts.size() > kMaxPatternParts) {
    return places.Error(path, absl::StrCat("must have at most ", kMaxPatternParts, " parts"));
  }
  return absl::OkStatus();
}

// Every regular file below `directory`, by its path from there.
absl::StatusOr<std::vector<std::string>> FilesBelow(const fs::path& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) {
      files.push_back(it->path().lexically_relative(directory).native());
    }
  }
  if (!error) return files;
  return absl::ErrnoToStatus(error.value(), "cannot read the folder " + directory.native());
}

}  // namespace

absl::StatusOr<Chorusfile> ReadChorusfile(const fs::path& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxChorusfileBytes);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(
        absl::StrCat("there is no ", path.native(),
                     "; examples/bundles/inference_graph/chorusfile.yaml shows one"));
  }
  RETURN_IF_ERROR(text.status());
  ASSIGN_OR_RETURN(Chorusfile chorusfile, ParseChorusfile(*text, path.native()));
  chorusfile.directory = fs::absolute(path).parent_path();
  return chorusfile;
}

absl::StatusOr<Chorusfile> ParseChorusfile(std::string_view text, std::string_view file) {
  Chorusfile chorusfile{.text = std::string(text)};
  config::v1::Chorusfile& spec = chorusfile.spec;
  const YamlPlaces& places = chorusfile.places;
  RETURN_IF_ERROR(ParseYaml(text, file, spec, &chorusfile.places));
  if (!IsFileName(spec.service())) {
    return places.Error("service", absl::StrCat("must name the bundle and match ", kFileNameRule,
                                                ": \"", absl::CEscape(spec.service()), "\""));
  }
  if (spec.graph().empty()) return places.Error("graph", "must name the graph file");
  RETURN_IF_ERROR(CheckLabels(spec.labels(), places));
  for (int i = 0; i < spec.include_size(); ++i) {
    RETURN_IF_ERROR(CheckPattern(absl::StrCat("include[", i, "]"), spec.include(i), places));
  }
  return chorusfile;
}

absl::StatusOr<std::map<std::string, std::string>> ChooseModels(
    const Chorusfile& chorusfile, std::span<const std::string> runners) {
  std::map<std::string, std::string> tags;
  for (int i = 0; i < chorusfile.spec.models_size(); ++i) {
    const std::string& text = chorusfile.spec.models(i);
    const std::string path = absl::StrCat("models[", i, "]");
    const size_t equals = text.find('=');
    const std::string tag_text = equals == std::string::npos ? text : text.substr(equals + 1);
    const absl::StatusOr<store::Tag> tag = store::ParseTag(tag_text);
    if (!tag.ok()) return chorusfile.places.Error(path, StdView(tag.status().message()));
    const std::string runner = equals == std::string::npos ? tag->name : text.substr(0, equals);
    if (std::ranges::count(runners, runner) == 0) {
      return chorusfile.places.Error(
          path, absl::StrCat("the graph has no runner \"", absl::CEscape(runner), "\"; it has ",
                             absl::StrJoin(runners, ", "),
                             "; RUNNER=TAG gives a runner a model of another name"));
    }
    if (!tags.emplace(runner, tag->ToString()).second) {
      return chorusfile.places.Error(path, "a second model for the runner " + runner);
    }
  }
  for (const std::string& runner : runners) tags.emplace(runner, runner + ":latest");
  return tags;
}

absl::StatusOr<std::vector<std::string>> FindIncludes(const Chorusfile& chorusfile) {
  std::set<std::string> found;
  if (chorusfile.spec.include().empty()) return std::vector<std::string>();
  ASSIGN_OR_RETURN(const std::vector<std::string> files, FilesBelow(chorusfile.directory));
  for (int i = 0; i < chorusfile.spec.include_size(); ++i) {
    bool matched = false;
    for (const std::string& file : files) {
      if (!MatchesPattern(chorusfile.spec.include(i), file)) continue;
      matched = true;
      found.insert(file);
    }
    if (!matched) {
      return chorusfile.places.Error(
          absl::StrCat("include[", i, "]"),
          absl::StrCat("no file in ", chorusfile.directory.native(), " matches \"",
                       absl::CEscape(chorusfile.spec.include(i)), "\""));
    }
  }
  return std::vector<std::string>(found.begin(), found.end());
}

bool MatchesPattern(std::string_view pattern, std::string_view path) {
  return Matches(Split(pattern), Split(path));
}

}  // namespace chorus
