#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/model_weights.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "bundles/model_archive.h"
#include "cli/models/models.h"
#include "cli/run/run.h"
#include "cli/table.h"
#include "model_store/labels.h"
#include "model_store/model_files.h"
#include "model_store/model_store.h"
#include "runner_server/model/generation_config.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;

// Files that are ready to be adopted, and what is known of them.
using Candidate = UnpackedModel;

absl::Status Say(const std::string& text) {
  if (std::cout << text << std::endl) return absl::OkStatus();
  return absl::UnavailableError("cannot write to standard output");
}

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

// A text of the command line that is shown again.
absl::Status CheckText(const char* flag, const std::string& text) {
  if (IsPrintable(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      flag, " must be UTF-8 without control characters: \"", absl::CEscape(text), "\""));
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
  if (!is_folder && IsWeightsFile(options.from)) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.from.native(),
                     " holds weights alone: give the folder that it lies in, with its "
                     "config.json and its tokenizer's files"));
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

// A message of the copy, which is gone when it is read, as one of what was copied.
std::string OfOriginal(std::string_view message, const fs::path& copy, const fs::path& from) {
  const std::string original = (from / "").parent_path().native();  // Without a slash at its end.
  std::error_code error;
  const fs::path canonical = fs::canonical(copy, error);
  std::string text = absl::StrReplaceAll(AbslView(message), {{copy.native(), original}});
  return error ? text : absl::StrReplaceAll(text, {{canonical.native(), original}});
}

// Whether the version is there, with these files: then it gets what the options say, and becomes
// the latest. ALREADY_EXISTS when it has others.
absl::StatusOr<bool> IsThere(const ImportModelOptions& options, const store::Manifest& manifest,
                             store::ModelStore& store) {
  const store::Tag& tag = manifest.tag;
  const absl::StatusOr<store::Manifest> there = store.Get(tag);
  if (absl::IsNotFound(there.status())) return false;
  if (!there.ok() || there->files != manifest.files || !store.Verify(tag).ok()) {
    return absl::AlreadyExistsError(absl::StrCat(
        tag.ToString(), " is in the store already, and is another model",
        there.ok() ? "" : ", or damaged", "; give this one another version, or delete that one"));
  }
  const auto annotate = [&](store::Manifest& said) { return Annotate(options, said); };
  RETURN_IF_ERROR(store.Annotate(tag, annotate).status());
  RETURN_IF_ERROR(store.PointLatest(tag, store::SetLatest::kAlways));
  RETURN_IF_ERROR(Say(tag.ToString() + " is there already"));
  return true;
}

}  // namespace

absl::StatusOr<int> ImportModel(const ImportModelOptions& options) {
  ASSIGN_OR_RETURN(const fs::path home, store::ModelStore::DefaultHome());
  // Without the demo models: this one may be all that a volume is to hold.
  store::ModelStore store(home);
  RETURN_IF_ERROR(CheckText("--licence", options.licence));
  RETURN_IF_ERROR(CheckText("--source", options.source));
  const absl::StatusOr<store::ScratchDirectory> scratch = store.CreateScratch();
  if (!scratch.ok()) return store.Advise(scratch.status(), "import a model");
  ASSIGN_OR_RETURN(const Candidate candidate, Take(options, scratch->path(), store));
  const store::Manifest& manifest = candidate.manifest;
  ASSIGN_OR_RETURN(bool is_there, IsThere(options, manifest, store));
  if (is_there) return 0;
  const std::string warning = runner::GenerationWarning(candidate.directory);
  if (!warning.empty()) {
    std::cerr << "chorus: " << OfOriginal(warning, candidate.directory, options.from) << std::endl;
  }
  const absl::StatusOr<int> answered = SampleRun(
      candidate.directory, store::DescribeModel(candidate.directory)->task, options.native_code);
  if (!answered.ok()) {
    return absl::Status(
        answered.status().code(),
        absl::StrCat("not imported: ", OfOriginal(StdView(answered.status().message()),
                                                  candidate.directory, options.from)));
  }
  if (*answered != 0) return *answered;
  const absl::StatusOr<store::Manifest> saved = store.Adopt(manifest, candidate.directory);
  if (absl::IsAlreadyExists(saved.status())) {  // Another process has saved it meanwhile.
    ASSIGN_OR_RETURN(is_there, IsThere(options, manifest, store));
    if (is_there) return 0;
  }
  RETURN_IF_ERROR(saved.status());
  RETURN_IF_ERROR(Say(absl::StrCat("Imported ", saved->tag.ToString(), ": ",
                                   FormatSize(saved->size_bytes()), ", ", saved->architecture)));
  return 0;
}

}  // namespace chorus
