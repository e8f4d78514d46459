#pragma once

// Pulls a model from a Hugging Face hub into the store.
//
// Every file is checked against the hub's hash, and against the operator's pin if there is one. The
// version appears in the store whole or not at all. The next pull of the same revision resumes an
// interrupted one (download_folder.h).
//
// Thread safety: as ModelStore::Save. Of two pulls of one revision the second waits for the first
// or, where locks do nothing, fetches it too.

#include <filesystem>
#include <functional>
#include <map>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model_store/hub/hub_client.h"
#include "model_store/hub/hub_source.h"
#include "model_store/hub/pull_observer.h"
#include "model_store/manifest.h"
#include "model_store/model_store.h"
#include "model_store/tag.h"

namespace chorus::store {

struct PullOptions {
  Tag tag;  // With no version of its own, it gets the first 12 digits of the commit.
  HubSource source;
  std::map<std::string, std::string> sha256_pins;  // By file name: what its SHA-256 must be.
  HubClient::Options hub;
  // Whether what lies in the folder can be served, so that a model that is of no use is not
  // fetched. Called when config.json is there, others perhaps in part, and again when all but the
  // weights is. The error's message follows "cannot use ORG/NAME@REVISION: ".
  std::function<absl::Status(const std::filesystem::path& folder, bool has_all_but_weights)> check;
};

struct PullResult {
  Manifest manifest;
  bool was_there = false;  // Nothing was fetched.
};

// Blocks. The version becomes the latest of its name. An existing version of the same commit is
// kept, without asking the hub if the revision is a whole commit; with pins, its files are hashed
// again. A damaged version is replaced.
//
// ALREADY_EXISTS if the tag holds something else; DATA_LOSS if a file is not what is listed or
// pinned; FAILED_PRECONDITION if Chorus cannot use the repository; RESOURCE_EXHAUSTED if the disk
// is too full; CANCELLED soon after `stop`; else the errors of HubClient and ModelStore::Save.
absl::StatusOr<PullResult> Pull(ModelStore& store, const PullOptions& options,
                                PullObserver& observer, std::stop_token stop);

}  // namespace chorus::store
