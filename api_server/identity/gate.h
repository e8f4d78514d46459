#pragma once

// Who may call, and how much: the keys of --api_keys, and what the calls of each take.
//
// Thread safety: Gate and Caller may be used from any thread.

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api_server/identity/key_ring.h"

namespace chorus::gateway {

// What the calls of one key have taken. It outlives reloads of the file.
class Quota {
 public:
  // A call begins. RESOURCE_EXHAUSTED, with when to retry, if `key` allows none now.
  absl::Status Begin(const ApiKey& key, absl::Time now);
  // One that has begun has ended, and took so many tokens.
  void End(const ApiKey& key, uint64_t num_tokens, absl::Time now);

 private:
  // Fills at `per_minute`, to as many as a minute's.
  struct Bucket {
    double level = 0;
    absl::Time filled_at = absl::InfinitePast();  // Full then.

    void Fill(double per_minute, absl::Time now);
    // When there is one at least.
    absl::Duration Wait(double per_minute) const;
  };

  std::mutex mutex_;
  Bucket requests_, tokens_;
  uint32_t num_running_ = 0;
};

// Who makes a call. By default nobody in particular, who may do anything.
class Caller {
 public:
  Caller() = default;
  Caller(std::shared_ptr<const ApiKey> key, std::shared_ptr<Quota> quota)
      : key_(std::move(key)), quota_(std::move(quota)) {}

  // Of the key; empty without one.
  std::string_view name() const { return key_ == nullptr ? std::string_view() : key_->name; }
  config::v1::Priority priority() const {
    return key_ == nullptr ? config::v1::PRIORITY_NORMAL : key_->priority;
  }

  // PERMISSION_DENIED if the key is not of this one.
  absl::Status CheckGraph(const std::string& graph) const;
  absl::Status CheckModel(const std::string& model) const;

  // As Quota's; OK without a key.
  absl::Status Begin(absl::Time now) const;
  void End(uint64_t num_tokens, absl::Time now) const;

 private:
  std::shared_ptr<const ApiKey> key_;  // Null: no key.
  std::shared_ptr<Quota> quota_;
};

class Gate {
 public:
  // `registry` must outlive this. With `allow_anonymous`, or without keys, calls without a key are
  // nobody's in particular.
  Gate(bool allow_anonymous, prometheus::Registry& registry);

  // The keys from now on; null: none. Calls that have begun go on.
  void SetKeys(std::shared_ptr<const KeyRing> keys);

  // `authorization` is the header field, "Bearer KEY", or empty. UNAUTHENTICATED says what is
  // wrong with it, but not which keys there are.
  absl::StatusOr<Caller> Identify(std::string_view authorization, absl::Time now);

  // Counts a call that has ended.
  void Count(const Caller& caller, int http_code, uint64_t prompt_tokens,
             uint64_t generated_tokens);

 private:
  const bool allow_anonymous_;
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Counter>& num_tokens_;
  std::mutex mutex_;                                      // Guards what follows.
  std::shared_ptr<const KeyRing> keys_;                   // Null: none.
  std::map<std::string, std::shared_ptr<Quota>> quotas_;  // By the name of the key.
};

}  // namespace chorus::gateway
