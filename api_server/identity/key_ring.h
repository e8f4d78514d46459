#pragma once

// The API keys of a file.
//
// Thread safety: immutable.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/chorus/config/v1/api_keys.pb.h"

namespace chorus::gateway {

// Meanings as in chorus.config.v1.ApiKey.
struct ApiKey {
  std::string name;
  std::string sha256;
  absl::Time expires = absl::InfiniteFuture();
  absl::flat_hash_set<std::string> graphs, models;  // Both empty: all.
  std::optional<uint32_t> requests_per_minute, tokens_per_minute, max_concurrent;
  config::v1::Priority priority = config::v1::PRIORITY_NORMAL;

  bool may_use_all() const { return graphs.empty() && models.empty(); }
  bool may_run(const std::string& graph) const { return may_use_all() || graphs.contains(graph); }
  bool may_call(const std::string& model) const { return may_use_all() || models.contains(model); }
};

class KeyRing {
 public:
  static constexpr int kMostKeys = 1000;  // Each is a label of metrics.

  // INVALID_ARGUMENT lists every error, a line each, with key and field.
  static absl::StatusOr<std::shared_ptr<const KeyRing>> Create(const config::v1::ApiKeys& keys);

  // The key of which `secret` is the text; null if there is none. Takes the same time whatever
  // part of the secret is right.
  std::shared_ptr<const ApiKey> Find(std::string_view secret) const;

  const std::vector<std::shared_ptr<const ApiKey>>& keys() const { return keys_; }

 private:
  std::vector<std::shared_ptr<const ApiKey>> keys_;
};

}  // namespace chorus::gateway
