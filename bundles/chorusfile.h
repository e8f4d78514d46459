#pragma once

// chorusfile.yaml: what `chorus build` is to put into a bundle (chorus.config.v1.Chorusfile).
//
// Thread safety: values and free functions.

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/yaml_proto.h"
#include "proto/chorus/config/v1/chorusfile.pb.h"

namespace chorus {

struct Chorusfile {
  config::v1::Chorusfile spec;
  YamlPlaces places;                // For what is wrong with a value of `spec`.
  std::string text;                 // As it stands in the file.
  std::filesystem::path directory;  // What its paths are relative to.
};

// NOT_FOUND when there is no such file; INVALID_ARGUMENT, with file, line and field, when it is not
// what the schema says. What its values name is not looked up.
absl::StatusOr<Chorusfile> ReadChorusfile(const std::filesystem::path& path);

// The same of a text; `file` is what errors call it. `directory` is left empty.
absl::StatusOr<Chorusfile> ParseChorusfile(std::string_view text, std::string_view file);

// For each of the graph's runners the model to take: its tag, perhaps "latest". INVALID_ARGUMENT,
// with the place, for an entry of `models` that is for no runner, or a second one for the same.
absl::StatusOr<std::map<std::string, std::string>> ChooseModels(
    const Chorusfile& chorusfile, std::span<const std::string> runners);

// The files that the patterns of `include` match, relative to the folder, sorted. INVALID_ARGUMENT,
// with the place, for a pattern that matches none or leads out of the folder. Links to folders are
// not followed.
absl::StatusOr<std::vector<std::string>> FindIncludes(const Chorusfile& chorusfile);

// Whether the path matches: `*` and `?` stand for characters within a name, but for a dot at its
// beginning; `**` for any number of folders.
bool MatchesPattern(std::string_view pattern, std::string_view path);

}  // namespace chorus
