#pragma once

// The verbs on bundles: build, list, get, delete, export, import and containerize.

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "cli/bundles/container_plan.h"

namespace CLI {
class App;
}

namespace chorus {

// A bundle from a chorusfile.yaml.
struct BuildOptions {
  std::filesystem::path directory = ".";
  std::filesystem::path file = "chorusfile.yaml";  // Relative to `directory`.
  std::string version;         // Empty: made from the content, so the same content has the same.
  std::string chorus_version;  // Of this program.
};

// Saves the bundle, makes it the latest of its name, and says what to do with it. Errors name the
// file, line and field that is wrong.
absl::Status Build(const BuildOptions& options);

// `output` is "table" or "json".
absl::Status ListBundles(const std::string& output);

// `output` is "yaml" (bundle.yaml), "json" (the same in proto3's JSON form) or "path".
absl::Status GetBundle(const std::string& tag, const std::string& output);

// Asks on the terminal first unless `yes`.
absl::Status DeleteBundle(const std::string& tag, bool yes);

absl::Status ExportBundleTo(const std::string& tag, const std::filesystem::path& to);

absl::Status ImportBundleFrom(const std::filesystem::path& archive);

// Images of a bundle, by `docker build`.
struct ContainerizeOptions {
  std::string bundle;            // Tag.
  ContainerSettings settings;    // `context` is chosen here.
  std::filesystem::path source;  // A checkout to build runtime images from that are not there.
  bool push = false;
  bool dry_run = false;  // Prints what would be done.
};

// NOT_FOUND when docker is not installed, UNAVAILABLE when its engine does not answer,
// FAILED_PRECONDITION when a runtime image is not there.
absl::Status Containerize(const ContainerizeOptions& options);

// Adds the verbs; the outcome of the one that is called goes to `exit_status`, which must outlive
// the parsing.
void AddBundleVerbs(CLI::App& app, int& exit_status);

}  // namespace chorus
