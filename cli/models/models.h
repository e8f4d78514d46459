#pragma once

// `chorus models`: the models in the store.

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace CLI {
class App;
}

namespace chorus {

// `output` is "table" or "json".
absl::Status ListModels(const std::string& output);

struct GetModelOptions {
  std::string tag;
  std::string output = "text";  // Or "json", or "path".
  bool verify = false;          // Hashes the files first.
};

absl::Status GetModel(const GetModelOptions& options);

struct DeleteModelOptions {
  std::string tag;
  bool yes = false;    // Does not ask on the terminal first.
  bool force = false;  // Also a model that bundles pin.
};

// FAILED_PRECONDITION names the bundles that pin the model.
absl::Status DeleteModel(const DeleteModelOptions& options);

// Restores deleted demo models. NOT_FOUND if Chorus was installed without them.
absl::Status RestoreModels();

// A model of a Hugging Face hub into the store.
struct PullModelOptions {
  std::string tag;
  std::string from;      // "ORG/NAME[@REVISION]"; empty for the tutorial's model of that name.
  std::string endpoint;  // Empty: what the environment says.
  std::map<std::string, std::string> sha256_pins;  // By file name.
  std::string chorus_version;                      // Of this program.
};

// Tells its progress on stderr, and on stdout what is there now. The exit status: 0, or 128 + N
// once ended by signal N, which leaves the store as it was.
absl::StatusOr<int> PullModel(const PullModelOptions& options);

// Adds the verb; its outcome goes to `exit_status`.
void AddModelVerbs(CLI::App& app, int& exit_status);

}  // namespace chorus
