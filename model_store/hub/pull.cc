#include "model_store/hub/pull.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"
#include "base/weights_index.h"
#include "model_store/hub/download_folder.h"
#include "model_store/hub/hub_listing.h"
#include "model_store/hub/partial_file.h"

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
    ASSIGN_OR_RETURN(const ModelFiles files, ChooseFiles(listing));
    return FetchAndSave(*hub, listing, files);
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

  absl::StatusOr<ModelFiles> ChooseFiles(const HubListing& listing) const {
    absl::StatusOr<ModelFiles> files = SelectModelFiles(listing);
    if (!files.ok()) return CannotUse(files.status());
    // What is known before anything is fetched is said before.
    if (files->index.empty()) RETURN_IF_ERROR(CheckPins(files->small, files->weights));
    return files;
  }

  absl::Status CheckPins(const std::vector<HubFile>& small,
                         const std::vector<HubFile>& weights) const {
    for (const auto& [name, pin] : pins_) {
      auto file = std::ranges::find(small, name, &HubFile::name);
      if (file == small.end()) {
        file = std::ranges::find(weights, name, &HubFile::name);
        if (file == weights.end()) return NoSuchFile(name);
      }
      if (!file->sha256.empty() && file->sha256 != pin) {
        return PinMismatch(name, file->sha256, pin);
      }
    }
    return absl::OkStatus();
  }

  absl::Status CannotUse(const absl::Status& status) const {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot use ", options_.source.ToString(), ": ", status.message()));
  }

  absl::Status NoSuchFile(const std::string& name) const {
    if (name == kNativeCodeName) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a SHA-256 is given for ", name, ", which is native code and taken from no hub"));
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "a SHA-256 is given for ", absl::CHexEscape(name), ", which is no file of this model's"));
  }

  absl::StatusOr<PullResult> FetchAndSave(HubClient& hub, const HubListing& listing,
                                          const ModelFiles& files) {
    const std::string& commit = listing.commit;
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
                     FetchAll(hub, listing, files, *folder));
    absl::StatusOr<Manifest> manifest = store_.Adopt(
        {.tag = TagFor(commit),
         .files = fetched,
         .source = ModelSource{.repository = options_.source.repository, .commit = commit},
         .licence = listing.licence},
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

  using Partials = std::vector<std::unique_ptr<PartialFile>>;

  absl::StatusOr<std::vector<ManifestFile>> FetchAll(HubClient& hub, const HubListing& listing,
                                                     const ModelFiles& files,
                                                     const DownloadFolder& folder) {
    ASSIGN_OR_RETURN(const Partials small, Open(files.small, folder));
    ASSIGN_OR_RETURN(Partials weights, Open(files.weights, folder));
    RETURN_IF_ERROR(CheckSpace(small, weights, folder));
    std::vector<ManifestFile> fetched;
    for (const std::unique_ptr<PartialFile>& partial : small) {
      RETURN_IF_ERROR(Fetch(hub, listing.commit, *partial, fetched));
      if (fetched.size() == 1) RETURN_IF_ERROR(Check(folder, /*has_all_but_weights=*/false));
    }
    RETURN_IF_ERROR(Check(folder, /*has_all_but_weights=*/true));
    if (!files.index.empty()) {
      weights.clear();  // They are among what follows.
      ASSIGN_OR_RETURN(weights, OpenShards(listing, files, folder));
      RETURN_IF_ERROR(CheckSpace({}, weights, folder));
    }
    for (const std::unique_ptr<PartialFile>& partial : weights) {
      RETURN_IF_ERROR(Fetch(hub, listing.commit, *partial, fetched));
    }
    return fetched;
  }

  absl::StatusOr<Partials> OpenShards(const HubListing& listing, const ModelFiles& files,
                                      const DownloadFolder& folder) {
    const absl::StatusOr<WeightsIndex> index = ReadWeightsIndex(folder.path() / files.index);
    if (!index.ok()) return CannotUse(index.status());
    absl::StatusOr<std::vector<HubFile>> shards = SelectShards(listing, *index);
    if (!shards.ok()) return CannotUse(shards.status());
    shards->insert(shards->end(), files.weights.begin(), files.weights.end());
    RETURN_IF_ERROR(CheckPins(files.small, *shards));
    return Open(*shards, folder);
  }

  absl::StatusOr<Partials> Open(const std::vector<HubFile>& files,
                                const DownloadFolder& folder) const {
    Partials partials;
    for (const HubFile& file : files) {
      const std::filesystem::path path = folder.path() / file.name;
      std::error_code error;
      std::filesystem::create_directory(path.parent_path(),
                                        error);  // Where it is not the folder's.
      auto partial = PartialFile::Open(path, file);
      if (!partial.ok()) return Advise(partial.status());
      partials.push_back(*std::move(partial));
    }
    return partials;
  }

  absl::Status Fetch(HubClient& hub, const std::string& commit, PartialFile& partial,
                     std::vector<ManifestFile>& fetched) {
    absl::StatusOr<ManifestFile> file = hub.Fetch(options_.source.repository, commit, partial);
    if (absl::IsResourceExhausted(file.status())) return Advise(file.status());
    RETURN_IF_ERROR(file.status());
    const auto pin = pins_.find(file->name);
    if (pin != pins_.end() && file->sha256 != pin->second) {
      return PinMismatch(file->name, file->sha256, pin->second);
    }
    fetched.push_back(*std::move(file));
    return absl::OkStatus();
  }

  absl::Status CheckSpace(const Partials& small, const Partials& weights,
                          const DownloadFolder& folder) const {
    int64_t needed = kSpareBytes;
    for (const Partials* partials : {&small, &weights}) {
      for (const auto& partial : *partials) {
        needed += partial->file().size_bytes - partial->size_bytes();
      }
    }
    ASSIGN_OR_RETURN(const int64_t free, folder.FreeBytes());
    if (free >= needed) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrCat(
        "the model needs ", needed >> 20, " MiB more on the disk of ", store_.root().native(),
        ", which has ", free >> 20,
        " MiB free: free some space, or let CHORUS_HOME name a folder on another disk"));
  }

  absl::Status Check(const DownloadFolder& folder, bool has_all_but_weights) const {
    if (!options_.check) return absl::OkStatus();
    const absl::Status status = options_.check(folder.path(), has_all_but_weights);
    return status.ok() ? status : CannotUse(status);
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
