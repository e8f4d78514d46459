#pragma once

// `chorus models`: the models in the store.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/models/model_filter.h"

namespace CLI {
class App;
}

namespace chorus {

struct ListModelsOptions {
  ModelFilter filter;
  std::string output = "table";  // Or "json", "yaml", or "path": a folder a line.
};

absl::Status ListModels(const ListModelsOptions& options);

struct GetModelOptions {
  std::string tag;
  std::string output = "table";  // Or "text", which is the same, "json", "yaml", or "path".
  bool verify = false;           // Hashes the files first.
};

absl::Status GetModel(const GetModelOptions& options);

// Hashes the files of these models, or without any of all, and looks at what is said to be the
// latest. A line on standard output for each; DATA_LOSS if something is damaged.
absl::Status VerifyModels(const std::vector<std::string>& tags);

// Carries out changes such as "team=nlp" or "team-", all or none.
absl::Status LabelModel(const std::string& tag, const std::vector<std::string>& changes);

// A `to` without a version takes that of `from`.
absl::Status CopyModel(const std::string& from, const std::string& to);

// `to` is a file that is not there yet, or a folder.
absl::Status ExportModelTo(const std::string& tag, const std::filesystem::path& to);

struct ImportModelOptions {
  std::filesystem::path from;  // A model folder, or an archive of ExportModelTo.
  std::string tag;             // Of an archive empty for its own. Without a version: the archive's,
                               // or one made of the content.
  std::string source;          // Of these three empty: what the archive or the model card says.
  std::string licence;
  std::string metadata;             // A JSON object; empty: the archive's.
  std::vector<std::string> labels;  // "KEY=VALUE".
  std::string native_code;          // As runner_server's.
};

// Copies the model, has a runner load it and answer once, and only then saves it. The exit status:
// 0, or 128 + N once ended by signal N. Of a model that is there already the files are left alone:
// it gets what the options say, and becomes the latest.
absl::StatusOr<int> ImportModel(const ImportModelOptions& options);

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
