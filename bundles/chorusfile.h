#pragma once

// chorusfile.yaml: what `chorus build` puts into a bundle (chorus.config.v1.Chorusfile).
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
  YamlPlaces places;                // For errors about values of `spec`.
  std::string text;                 // The file, unchanged.
  std::filesystem::path directory;  // What its paths are relative to.
};

// NOT_FOUND; INVALID_ARGUMENT, with file, line and field, if it does not match the schema. Models
// and files it names are not looked up.
absl::StatusOr<Chorusfile> ReadChorusfile(const std::filesystem::path& path);

// The same for a text; `file` is its name in errors. `directory` stays empty.
absl::StatusOr<Chorusfile> ParseChorusfile(std::string_view text, std::string_view file);

// The tag of each runner's model, perhaps "latest". INVALID_ARGUMENT, with the position, for an
// entry of `models` whose runner is unknown or has an entry already.
absl::StatusOr<std::map<std::string, std::string>> ChooseModels(
    const Chorusfile& chorusfile, std::span<const std::string> runners);

// The files that the patterns of `include` match, relative to the folder, sorted. INVALID_ARGUMENT,
// with the position, for a pattern that matches none or leads out of the folder. Links to folders
// are not followed.
absl::StatusOr<std::vector<std::string>> FindIncludes(const Chorusfile& chorusfile);

// `*` and `?` match characters within a name except a leading dot; `**` matches any number of
// folders.
bool MatchesPattern(std::string_view pattern, std::string_view path);

}  // namespace chorus
