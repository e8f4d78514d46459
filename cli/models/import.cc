#include <filesystem>
#include <iostream>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/model_weights.h"
#include "base/status_macros.h"
#include "bundles/model_archive.h"
#include "cli/models/models.h"
#include "cli/run/run.h"
#include "cli/table.h"
#include "model_store/labels.h"
#include "model_store/model_files.h"
#include "model_store/model_store.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

// Files that are ready to be adopted, and what is known of them.
using Candidate = UnpackedModel;

// What can be told of the folder is told before it is copied.
absl::StatusOr<Candidate> CopyFolder(const fs::path& from, const fs::path& scratch,
                                     store::ModelStore& store) {
  RETURN_IF_ERROR(store::ListModelFiles(from).status());
  ASSIGN_OR_RETURN(const store::ModelDescription model, store::DescribeModel(from));
  RETURN_IF_ERROR(FindModelWeights(from, model.architecture).status());
  Candidate candidate{.directory = scratch / "model"};
  ASSIGN_OR_RETURN(candidate.manifest.files, store.CopyFiles(from, candidate.directory));
  candidate.manifest.tag.version = store::ContentVersion(candidate.manifest.files);
  return candidate;
}

// What the command line says of a model.
absl::Status Annotate(const ImportModelOptions& options, store::Manifest& manifest) {
  if (!options.source.empty()) manifest.source = store::ParseModelSource(options.source);
  if (!options.licence.empty()) manifest.licence = options.licence;
  if (!options.metadata.empty()) {
    ASSIGN_OR_RETURN(manifest.metadata, store::ParseMetadata(options.metadata));
  }
  for (const std::string& label : options.labels) {
    RETURN_IF_ERROR(store::ChangeLabel(label, manifest.labels));
  }
  return absl::OkStatus();
}

absl::StatusOr<Candidate> Take(const ImportModelOptions& options, const fs::path& scratch,
                               store::ModelStore& store) {
  std::error_code ignored;
  const bool is_folder = fs::is_directory(options.from, ignored);
  if (!is_folder && !fs::exists(options.from, ignored)) {
    return absl::NotFoundError("no folder or archive " + options.from.native());
  }
  if (is_folder && options.tag.empty()) {
    return absl::InvalidArgumentError("a folder has no tag of its own: give one to save it as");
  }
  absl::StatusOr<Candidate> candidate =
      is_folder ? CopyFolder(options.from, scratch, store) : UnpackModel(options.from, scratch);
  if (!candidate.ok()) return store.Advise(candidate.status(), "import a model");
  store::Manifest& manifest = candidate->manifest;
  if (!options.tag.empty()) {
    ASSIGN_OR_RETURN(const store::Tag tag, store::ParseTag(options.tag));
    manifest.tag.name = tag.name;
    if (!tag.is_latest()) manifest.tag.version = tag.version;
  }
  RETURN_IF_ERROR(Annotate(options, manifest));
  return candidate;
}

// Whether the version is there, with these files. ALREADY_EXISTS when it has others.
absl::StatusOr<bool> IsThere(const store::Manifest& manifest, const store::ModelStore& store) {
  const absl::StatusOr<store::Manifest> there = store.Get(manifest.tag);
  if (absl::IsNotFound(there.status())) return false;
  if (there.ok() && there->files == manifest.files && store.Verify(there->tag).ok()) return true;
  return absl::AlreadyExistsError(absl::StrCat(
      manifest.tag.ToString(), " is in the store already, and is another model",
      there.ok() ? "" : ", or damaged", "; give this one another version, or delete that one"));
}

absl::Status AnnotateAgain(const ImportModelOptions& options, const store::Tag& tag,
                           store::ModelStore& store) {
  ASSIGN_OR_RETURN(store::Manifest manifest, store.Get(tag));
  const store::Manifest before = manifest;
  RETURN_IF_ERROR(Annotate(options, manifest));
  if (!(manifest == before)) RETURN_IF_ERROR(store.Annotate(manifest));
  return store.PointLatest(tag, store::SetLatest::kAlways);
}

absl::Status Say(const std::string& text) {
  if (std::cout << text << std::endl) return absl::OkStatus();
  return absl::UnavailableError("cannot write to standard output");
}

}  // namespace

absl::StatusOr<int> ImportModel(const ImportModelOptions& options) {
  ASSIGN_OR_RETURN(const fs::path home, store::ModelStore::DefaultHome());
  // Without the demo models: this one may be all that a volume is to hold.
  store::ModelStore store(home);
  const absl::StatusOr<store::ScratchDirectory> scratch = store.CreateScratch();
  if (!scratch.ok()) return store.Advise(scratch.status(), "import a model");
  ASSIGN_OR_RETURN(Candidate candidate, Take(options, scratch->path(), store));
  const std::string tag = candidate.manifest.tag.ToString();
  ASSIGN_OR_RETURN(const bool is_there, IsThere(candidate.manifest, store));
  if (is_there) {
    RETURN_IF_ERROR(AnnotateAgain(options, candidate.manifest.tag, store));
    RETURN_IF_ERROR(Say(tag + " is there already"));
    return 0;
  }
  const absl::StatusOr<int> answered =
      SampleRun(candidate.directory, store::DescribeModel(candidate.directory)->task);
  if (!answered.ok()) {
    return absl::Status(answered.status().code(),
                        absl::StrCat("not imported: ", answered.status().message()));
  }
  if (*answered != 0) return *answered;
  ASSIGN_OR_RETURN(const store::Manifest saved,
                   store.Adopt(std::move(candidate.manifest), candidate.directory));
  RETURN_IF_ERROR(Say(absl::StrCat("Imported ", tag, ": ", FormatSize(saved.size_bytes()), ", ",
                                   saved.architecture)));
  return 0;
}

}  // namespace chorus
