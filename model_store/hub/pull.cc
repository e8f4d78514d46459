#include "model_store/hub/pull.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"
#include "model_store/hub/download_folder.h"
#include "model_store/hub/hub_listing.h"
#include "model_store/hub/partial_file.h"
#include "model_store/model_files.h"

namespace chorus::store {
namespace {

constexpr size_t kShortCommitLength = 12;
constexpr int64_t kSpareBytes = 16 << 20;  // For the manifest, and for who else writes.

absl::Status WithAdvice(const absl::Status& status, const char* advice) {
  return {status.code(), absl::StrCat(status.message(), "; ", advice)};
}

// Errors that are the disk's.
absl::Status Advise(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:  // A read-only file system.
      return WithAdvice(status, "CHORUS_HOME may name another folder, which must be writable");
    case absl::StatusCode::kResourceExhausted:
      return WithAdvice(status, "free some space and pull again: it goes on from here");
    default:
      return status;
  }
}

absl::Status PinMismatch(const std::string& name, const std::string& sha256,
                         const std::string& pin) {
  return absl::DataLossError(
      absl::StrCat(name, " is not the one that is pinned: its SHA-256 is ", sha256, ", not ", pin));
}

class Puller {
 public:
  Puller(ModelStore& store, const PullOptions& options, PullObserver& observer,
         std::stop_token stop)
      : store_(store),
        options_(options),
        observer_(observer),
        stop_(std::move(stop)),
        pins_(options.sha256_pins) {}

  absl::StatusOr<PullResult> Run() {
    if (IsCommit(options_.source.revision)) {
      ASSIGN_OR_RETURN(std::optional<PullResult> there, FindInStore(options_.source.revision));
      if (there) return *std::move(there);
    }
    ASSIGN_OR_RETURN(const std::unique_ptr<HubClient> hub,
                     HubClient::Create(options_.hub, observer_, stop_));
    ASSIGN_OR_RETURN(const HubListing listing, hub->List(options_.source));
    if (IsCommit(options_.source.revision) && listing.commit != options_.source.revision) {
      return absl::DataLossError(absl::StrCat("the hub lists another commit of ",
                                              options_.source.repository, ": ", listing.commit));
    }
    ASSIGN_OR_RETURN(std::optional<PullResult> there, FindInStore(listing.commit));
    if (there) return *std::move(there);
    ASSIGN_OR_RETURN(const std::vector<HubFile> files, ChooseFiles(listing));
    return FetchAndSave(*hub, listing.commit, files);
  }

 private:
  Tag TagFor(const std::string& commit) const {
    if (!options_.tag.is_latest()) return options_.tag;
    return {options_.tag.name, commit.substr(0, kShortCommitLength)};
  }

  // What is there of this commit. An error when the tag is something else's.
  absl::StatusOr<std::optional<PullResult>> FindInStore(const std::string& commit) {
    const Tag tag = TagFor(commit);
    absl::StatusOr<Manifest> manifest = store_.Get(tag);
    damaged_ = absl::IsDataLoss(manifest.status());
    if (absl::IsNotFound(manifest.status()) || damaged_) return std::nullopt;
    RETURN_IF_ERROR(manifest.status());
    if (manifest->source != ModelSource{options_.source.repository, commit}) {
      return absl::AlreadyExistsError(absl::StrCat(
          tag.ToString(), " is in the store already, and is ",
          manifest->source
              ? absl::StrCat(manifest->source->repository, "@", manifest->source->commit)
              : "not from a hub",
          ", not ", options_.source.repository, "@", commit,
          "; give this one another version, or delete that one"));
    }
    if (!pins_.empty()) {
      damaged_ = absl::IsDataLoss(store_.Verify(tag));
      if (damaged_) return std::nullopt;
      RETURN_IF_ERROR(CheckPins(*manifest));
    }
    RETURN_IF_ERROR(MakeLatest(tag));
    return PullResult{*std::move(manifest), /*was_there=*/true};
  }

  absl::Status CheckPins(const Manifest& manifest) const {
    for (const auto& [name, pin] : pins_) {
      const auto file = std::ranges::find(manifest.files, name, &ManifestFile::name);
      if (file == manifest.files.end()) return NoSuchFile(name);
      if (file->sha256 != pin) return PinMismatch(name, file->sha256, pin);
    }
    return absl::OkStatus();
  }

  // Writes nothing when there is nothing to change: the store may be read-only.
  absl::Status MakeLatest(const Tag& tag) {
    const absl::StatusOr<Tag> latest = store_.Find({tag.name, std::string(kLatestVersion)});
    if (latest.ok() && *latest == tag) return absl::OkStatus();
    return store_.PointLatest(tag, SetLatest::kAlways);
  }

  absl::StatusOr<std::vector<HubFile>> ChooseFiles(const HubListing& listing) const {
    absl::StatusOr<std::vector<HubFile>> files = SelectModelFiles(listing);
    if (!files.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot use ", options_.source.ToString(), ": ", files.status().message()));
    }
    for (const auto& [name, pin] : pins_) {
      const auto file = std::ranges::find(*files, name, &HubFile::name);
      if (file == files->end()) return NoSuchFile(name);
      // Said before anything is fetched.
      if (!file->sha256.empty() && file->sha256 != pin) {
        return PinMismatch(name, file->sha256, pin);
      }
    }
    return files;
  }

  absl::Status NoSuchFile(const std::string& name) const {
    return absl::InvalidArgumentError(absl::StrCat(
        "a SHA-256 is given for ", absl::CHexEscape(name), ", which is no file of this model's"));
  }

  absl::StatusOr<PullResult> FetchAndSave(HubClient& hub, const std::string& commit,
                                          const std::vector<HubFile>& files) {
    const std::string name =
        absl::StrCat(absl::StrReplaceAll(options_.source.repository, {{"/", "--"}}), "@", commit);
    absl::StatusOr<DownloadFolder> folder =
        DownloadFolder::Open(store_.root(), name, observer_, stop_);
    if (!folder.ok()) return Advise(folder.status());
    // Another process may have saved it while this one waited.
    ASSIGN_OR_RETURN(std::optional<PullResult> there, FindInStore(commit));
    if (there) {
      folder->Remove();
      return *std::move(there);
    }
    ASSIGN_OR_RETURN(const std::vector<ManifestFile> fetched,
                     FetchAll(hub, commit, files, *folder));
    absl::StatusOr<Manifest> manifest = store_.Adopt(
        {.tag = TagFor(commit),
         .files = fetched,
         .source = ModelSource{.repository = options_.source.repository, .commit = commit}},
        folder->path(), {.replace = damaged_});
    if (absl::IsAlreadyExists(manifest.status())) {  // Where locks do nothing, nobody waits.
      ASSIGN_OR_RETURN(there, FindInStore(commit));
      if (there) {
        folder->Remove();
        return *std::move(there);
      }
    }
    RETURN_IF_ERROR(manifest.status());
    folder->Remove();
    return PullResult{*std::move(manifest)};
  }

  absl::StatusOr<std::vector<ManifestFile>> FetchAll(HubClient& hub, const std::string& commit,
                                                     const std::vector<HubFile>& files,
                                                     const DownloadFolder& folder) {
    std::vector<std::unique_ptr<PartialFile>> partials;
    for (const HubFile& file : files) {
      auto partial = PartialFile::Open(folder.path() / file.name, file);
      if (!partial.ok()) return Advise(partial.status());
      partials.push_back(*std::move(partial));
    }
    RETURN_IF_ERROR(CheckSpace(partials, folder));
    std::vector<ManifestFile> fetched;
    for (const std::unique_ptr<PartialFile>& partial : partials) {
      absl::StatusOr<ManifestFile> file = hub.Fetch(options_.source.repository, commit, *partial);
      if (absl::IsResourceExhausted(file.status())) return Advise(file.status());
      RETURN_IF_ERROR(file.status());
      const auto pin = pins_.find(file->name);
      if (pin != pins_.end() && file->sha256 != pin->second) {
        return PinMismatch(file->name, file->sha256, pin->second);
      }
      if (fetched.empty()) RETURN_IF_ERROR(CheckConfig(folder));
      fetched.push_back(*std::move(file));
    }
    return fetched;
  }

  absl::Status CheckSpace(const std::vector<std::unique_ptr<PartialFile>>& partials,
                          const DownloadFolder& folder) const {
    int64_t needed = kSpareBytes;
    for (const auto& partial : partials) {
      needed += partial->file().size_bytes - partial->size_bytes();
    }
    ASSIGN_OR_RETURN(const int64_t free, folder.FreeBytes());
    if (free >= needed) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrCat(
        "the model needs ", needed >> 20, " MiB more on the disk of ", store_.root().native(),
        ", which has ", free >> 20,
        " MiB free: free some space, or let CHORUS_HOME name a folder on another disk"));
  }

  // config.json comes first, so that a model that cannot be served is not fetched.
  absl::Status CheckConfig(const DownloadFolder& folder) const {
    absl::StatusOr<ModelDescription> model = DescribeModel(folder.path());
    if (model.ok() && !model->task.empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("cannot use ", options_.source.ToString(), ": ",
                     !model.ok() ? std::string(model.status().message())
                     : model->architecture.empty()
                         ? "its config.json names no architecture"
                         : absl::StrCat("it is a ", absl::CHexEscape(model->architecture),
                                        ", which neither generates texts nor classifies them")));
  }

  ModelStore& store_;
  const PullOptions& options_;
  PullObserver& observer_;
  const std::stop_token stop_;
  const std::map<std::string, std::string>& pins_;
  bool damaged_ = false;  // What the tag holds is there, but cannot be used.
};

}  // namespace

absl::StatusOr<PullResult> Pull(ModelStore& store, const PullOptions& options,
                                PullObserver& observer, std::stop_token stop) {
  RETURN_IF_ERROR(ValidateTag(options.tag));
  return Puller(store, options, observer, std::move(stop)).Run();
}

}  // namespace chorus::store
