#include "api_server/identity/key_ring.h"

#include <openssl/crypto.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/names.h"

namespace chorus::gateway {
namespace {

class Maker {
 public:
  std::shared_ptr<const ApiKey> Make(const config::v1::ApiKey& from) {
    auto key = std::make_shared<ApiKey>();
    key->name = from.name();
    key->sha256 = from.sha256();
    key->graphs.insert(from.graphs().begin(), from.graphs().end());
    key->models.insert(from.models().begin(), from.models().end());
    const std::string prefix = absl::StrCat("key \"", from.name(), "\": ");
    if (!IsName(from.name())) Error(prefix, "name must match ", kNameRule);
    if (!names_.insert(from.name()).second) Error(prefix, "name must be unique");
    if (!IsSha256(from.sha256())) {
      Error(prefix, "sha256 must be 64 lower-case hexadecimal digits, as sha256sum prints them");
    } else if (!hashes_.insert(from.sha256()).second) {
      Error(prefix, "sha256 is that of another key, too");
    }
    std::string what;
    if (!from.expires().empty() &&
        !absl::ParseTime(absl::RFC3339_full, from.expires(), &key->expires, &what)) {
      Error(prefix, "expires must be a time such as 2027-01-31T00:00:00Z: ", from.expires());
    }
    key->requests_per_minute = Bound(prefix, "requests_per_minute", from.has_requests_per_minute(),
                                     from.requests_per_minute());
    key->tokens_per_minute =
        Bound(prefix, "tokens_per_minute", from.has_tokens_per_minute(), from.tokens_per_minute());
    key->max_concurrent =
        Bound(prefix, "max_concurrent", from.has_max_concurrent(), from.max_concurrent());
    if (from.priority() != config::v1::PRIORITY_UNSPECIFIED) key->priority = from.priority();
    return key;
  }

  template <typename... Parts>
  void Error(const Parts&... parts) {
    errors_.push_back(absl::StrCat(parts...));
  }

  absl::Status Finish() const {
    if (errors_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
  }

 private:
  std::optional<uint32_t> Bound(const std::string& prefix, const char* name, bool is_set,
                                uint32_t value) {
    if (!is_set) return std::nullopt;
    if (value == 0) Error(prefix, name, " must be at least 1: 0");
    return value;
  }

  absl::flat_hash_set<std::string> names_, hashes_;
  std::vector<std::string> errors_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const KeyRing>> KeyRing::Create(const config::v1::ApiKeys& keys) {
  auto ring = std::make_shared<KeyRing>();
  Maker maker;
  for (const config::v1::ApiKey& key : keys.keys()) ring->keys_.push_back(maker.Make(key));
  if (ring->keys_.empty()) maker.Error("keys must have at least one key");
  if (ring->keys_.size() > kMostKeys) {
    maker.Error("keys must have at most ", kMostKeys, " keys: ", ring->keys_.size());
  }
  if (absl::Status status = maker.Finish(); !status.ok()) return status;
  return ring;
}

std::shared_ptr<const ApiKey> KeyRing::Find(std::string_view secret) const {
  Sha256 hash;
  hash.Update(secret);
  const std::string digest = std::move(hash).HexDigest();
  std::shared_ptr<const ApiKey> found;
  for (const auto& key : keys_) {  // All of them, and all of each.
    if (CRYPTO_memcmp(key->sha256.data(), digest.data(), digest.size()) == 0) found = key;
  }
  return found;
}

}  // namespace chorus::gateway
