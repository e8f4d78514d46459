#pragma once

// Pulls a model from a Hugging Face hub into the store.
//
// Every file is checked against the hash that the hub lists for it, and against the operator's own
// where there is one. The version appears in the store whole, or not at all; what an interrupted
// pull has fetched is used by the next pull of the same revision (download_folder.h).
//
// Thread safety: as ModelStore::Save; of two pulls of one revision the second waits for the first,
// or, where locks do nothing, fetches it too.

#include <map>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "model_store/hub/hub_client.h"
#include "model_store/hub/hub_source.h"
#include "model_store/hub/pull_observer.h"
#include "model_store/manifest.h"
#include "model_store/model_store.h"
#include "model_store/tag.h"

namespace chorus {

struct PullOptions {
  Tag tag;  // With no version of its own, it gets the first 12 digits of the commit.
  HubSource source;
  std::map<std::string, std::string> sha256_pins;  // By file name: what its SHA-256 must be.
  HubClient::Options hub;
};

struct PullResult {
  Manifest manifest;
  bool was_there = false;  // Nothing was fetched.
};

// The version becomes the latest of its name. One that is there already and came from the same
// commit is left as it is, and where that commit is given whole, the hub is not even asked; with
// pins, its files are hashed again. One that is there but damaged is replaced.
//
// ALREADY_EXISTS when the tag holds something else. DATA_LOSS when a file is not what the hub lists
// or what is pinned. FAILED_PRECONDITION when Chorus cannot use the repository.
// RESOURCE_EXHAUSTED when the disk has too little room. CANCELLED soon after `stop`. Else
// HubClient's errors and ModelStore::Save's.
absl::StatusOr<PullResult> Pull(ModelStore& store, const PullOptions& options,
                                PullObserver& observer, std::stop_token stop);

}  // namespace chorus
